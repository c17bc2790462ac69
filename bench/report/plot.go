package report

import (
	"fmt"
	"strings"

	"github.com/cloakroom-crm/cloakroom/bench/question"
	"github.com/cloakroom-crm/cloakroom/bench/trial"
)

// Measures of the plot, in pixels.
const (
	plotLeft   = 44
	plotTop    = 56
	plotHeight = 220
	barWidth   = 26
	groupGap   = 28
)

// Plot draws requests per second of each variant as fractions of the floor's: one group of bars per question.
func Plot(r trial.Results) string {
	var bars, spoken strings.Builder
	top := 1.0
	for _, figures := range r {
		if floor := figures[question.Floor].RPS; floor > 0 {
			for _, f := range figures {
				top = max(top, f.RPS/floor)
			}
		}
	}
	top *= 1.08
	y := func(v float64) float64 { return plotTop + plotHeight*(1-v/top) }
	x := plotLeft + groupGap/2
	for _, q := range question.All {
		figures, ok := r[q.Name]
		if !ok || figures[question.Floor].RPS == 0 {
			continue
		}
		begin := x
		fmt.Fprintf(&spoken, " %s, %s:", q.Name, q.Title)
		for _, v := range question.Variants {
			part := figures[v].RPS / figures[question.Floor].RPS
			fmt.Fprintf(&bars, `<rect class="%s" x="%d" y="%.1f" width="%d" height="%.1f"/><text class="n" x="%d" y="%.1f">%.2f</text>`+"\n",
				strings.ToLower(string(v)), x, y(part), barWidth-2, plotTop+plotHeight-y(part), x+barWidth/2-1, y(part)-4, part)
			fmt.Fprintf(&spoken, " %s %.2f", v, part)
			x += barWidth
		}
		spoken.WriteByte('.')
		fmt.Fprintf(&bars, `<text class="q" x="%d" y="%d">%s</text>`+"\n", (begin+x)/2, plotTop+plotHeight+20, q.Name)
		x += groupGap
	}
	width := x
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t d">`+"\n",
		width, plotTop+plotHeight+36, width, plotTop+plotHeight+36)
	fmt.Fprintf(&b, "<title id=\"t\">Requests per second as a fraction of SQL and JSON written by hand</title>\n<desc id=\"d\">%s</desc>\n", escape(strings.TrimSpace(spoken.String())))
	b.WriteString(`<style>
text{font:12px system-ui,sans-serif;fill:#1f2328}.n{font-size:10px;text-anchor:middle}.q{text-anchor:middle;font-weight:600}.s{text-anchor:end}
line{stroke:#8c959f;stroke-width:1}.one{stroke-dasharray:4 3}
.a{fill:#8c959f}.b{fill:#bf8700}.c{fill:#0969da}.floor{fill:#57606a}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}line{stroke:#6e7681}.a{fill:#8b949e}.b{fill:#d29922}.c{fill:#58a6ff}.floor{fill:#c9d1d9}}
</style>
`)
	at := plotLeft
	for _, v := range question.Variants {
		fmt.Fprintf(&b, `<rect class="%s" x="%d" y="12" width="12" height="12"/><text x="%d" y="22">%s</text>`+"\n",
			strings.ToLower(string(v)), at, at+17, escape(string(v)+": "+v.Title()))
		if at += 170; v == question.B {
			at += 40
		}
	}
	fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d"/>`+"\n", plotLeft, plotTop+plotHeight, width-8, plotTop+plotHeight)
	fmt.Fprintf(&b, `<line class="one" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text class="s" x="%d" y="%.1f">1</text><text class="s" x="%d" y="%d">0</text>`+"\n",
		plotLeft, y(1), width-8, y(1), plotLeft-6, y(1)+4, plotLeft-6, plotTop+plotHeight+4)
	b.WriteString(bars.String())
	b.WriteString("</svg>\n")
	return b.String()
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
