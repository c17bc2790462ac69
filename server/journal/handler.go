package journal

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// withheld stands for what is not written.
const withheld = "[withheld]"

// Handler writes to next what may be written.
func Handler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ next slog.Handler }

func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle writes the record, with the id of the request that ctx belongs to.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(written(a))
		return true
	})
	if id := Request(ctx); id != "" {
		out.AddAttrs(slog.String("request", id))
	}
	return h.next.Handle(ctx, out)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = written(a)
	}
	return handler{h.next.WithAttrs(out)}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.next.WithGroup(name)} }

// written is the attribute as it may be written. The default is not to.
func written(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString, slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindDuration, slog.KindTime:
		return slog.Attr{Key: a.Key, Value: v}
	case slog.KindGroup:
		group := v.Group()
		out := make([]slog.Attr, len(group))
		for i, member := range group {
			out[i] = written(member)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(out...)}
	case slog.KindAny, slog.KindLogValuer:
	}
	switch v := v.Any().(type) {
	case error:
		return slog.String(a.Key, Cause(v))
	case uuid.UUID: // ids are opaque
		return slog.String(a.Key, v.String())
	case slog.Level:
		return slog.String(a.Key, v.String())
	case time.Month, time.Weekday:
		return slog.Any(a.Key, v)
	case nil:
		return slog.Any(a.Key, nil)
	}
	return slog.String(a.Key, withheld)
}
