package config

import "log/slog"

// Log says what is logged, and how.
type Log struct {
	// Level is the least severe level that is logged. Defaults to info.
	Level slog.Level

	// Format is one of the Log constants. Defaults to auto.
	Format string
}

// The log formats.
const (
	LogAuto = "auto" // text on a terminal, JSON otherwise
	LogText = "text"
	LogJSON = "json"
)

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func (l *Log) read(s *section) {
	set(s, "level", aText, &l.Level, func(text string) (slog.Level, error) {
		level, ok := logLevels[text]
		if !ok {
			return 0, unlisted(text, []string{"debug", "info", "warn", "error"})
		}
		return level, nil
	})
	s.oneOf("format", &l.Format, LogAuto, LogText, LogJSON)
}
