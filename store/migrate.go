package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
)

// migrations are our tables' versions in order: the first file brings an empty
// database to version 1. A file that was released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings our tables up to date. The caller sees to it that no one else
// does the same meanwhile.
func migrate(ctx context.Context, t transaction) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, "CREATE TABLE IF NOT EXISTS holdfast_migrations (version BIGINT PRIMARY KEY)"); err != nil {
		return err
	}
	version := 0
	err = t.query(ctx, func(scan scan) error { return scan(&version) },
		"SELECT COALESCE(MAX(version), 0) FROM holdfast_migrations")
	if err != nil {
		return err
	}
	if version > len(files) {
		return unusable{fmt.Errorf("the tables are at version %d, made by a newer holdfast; this one knows %d", version, len(files))}
	}
	for ; version < len(files); version++ {
		script, err := migrations.ReadFile(files[version])
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, string(script)); err != nil {
			return fmt.Errorf("%s: %w", files[version], err)
		}
		if _, err := t.exec(ctx, "INSERT INTO holdfast_migrations (version) VALUES ($1)", version+1); err != nil {
			return err
		}
	}
	return nil
}
