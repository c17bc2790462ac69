package main

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress draws a bar on a terminal and nothing elsewhere. Finish takes it away before anything else is printed.
func progress(w io.Writer, what string) (show func(done, total int64), finish func()) {
	if !terminal(w) {
		return nil, func() {}
	}
	p := mpb.New(mpb.WithOutput(w), mpb.WithWidth(48))
	bar := p.New(0, mpb.BarStyle(), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(what)), mpb.AppendDecorators(decor.Percentage()))
	show = func(done, total int64) {
		bar.SetTotal(total, false)
		bar.SetCurrent(done)
	}
	return show, func() {
		bar.SetTotal(-1, true)
		p.Wait()
	}
}
