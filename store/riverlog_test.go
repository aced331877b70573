package store

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRiverIsTerse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := riverLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		for range 100 {
			log.Info("job done")
			log.With("queue", "q").Error("fetching failed")
			log.WithGroup("g").Warn("slow")
			time.Sleep(time.Second) //nolint:forbidigo // passes at once in the bubble
		}
		if n := strings.Count(out.String(), "fetching failed"); n != 2 {
			t.Errorf("said %d times in 100 seconds, want 2", n)
		}
		if n := strings.Count(out.String(), "slow"); n != 2 {
			t.Errorf("said %d times in 100 seconds, want 2", n)
		}
		if strings.Contains(out.String(), "job done") {
			t.Error("every job is news")
		}
	})
}
