// Package snapshot keeps snapshots of partitions' states as files in a
// directory, which replicas may share. A file is there whole or not at all: it
// is written aside, synced and renamed. The package must never look into a
// snapshot, nor decide which one of several counts; and since a snapshot holds
// account ids and the seeds of hashes, nobody but the process's own user may
// read one.
package snapshot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	dirMode = 0o700
	// partial marks a file that is being written. It begins with the name that
	// the file is to get; a random part follows.
	partial = ".partial-"
	// abandoned is how long a partial file must have been left alone to be taken
	// for a dead process's. A writer that lives writes all the time.
	abandoned = time.Hour
	// bufferSize is what is written at once, in bytes.
	bufferSize = 256 << 10
)

// Dir is a directory of snapshots: a folder for each topic, a file for each
// snapshot. It is safe for concurrent use, by several processes too.
type Dir struct {
	path string
}

// OpenDir opens the directory at path and creates it if it is missing. It
// removes what processes left half written that have died since: files that
// nobody has written to for an hour.
//
// Where the file system takes upper and lower case for the same, topics whose
// names differ in nothing else need directories of their own.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, fmt.Errorf("opening the directory of snapshots: %w", err)
	}
	d := &Dir{path: path}
	topics, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("opening the directory of snapshots: %w", err)
	}
	for _, topic := range topics {
		if !topic.IsDir() || checkTopic(topic.Name()) != nil {
			continue
		}
		err := d.sweep(topic.Name(), func(_ Name, changed time.Time) bool { return time.Since(changed) > abandoned })
		if err != nil {
			return nil, fmt.Errorf("opening the directory of snapshots: %w", err)
		}
	}
	return d, nil
}

// Write makes a snapshot of what write writes, durable when Write returns nil.
// A snapshot of the same name is replaced. After an error the snapshot may be
// there, whole, or not; a part of it is not, and takes no room. The writer that
// write gets fails once ctx has ended.
//
// Write also removes what earlier generations of the partition left half
// written: their owners are dead or, if they wake up, too late.
func (d *Dir) Write(ctx context.Context, name Name, write func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing the snapshot of partition %d up to offset %d: %w", name.Partition, name.Next, err)
		}
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("%w; make room on the file system of %s", err, d.path)
		}
	}()
	if err := errors.Join(ctx.Err(), name.check()); err != nil {
		return err
	}
	if err := d.makeFolder(name.Topic); err != nil {
		return err
	}
	outdated := func(n Name, _ time.Time) bool { return n.Partition == name.Partition && n.Generation < name.Generation }
	if err := d.sweep(name.Topic, outdated); err != nil {
		return err
	}

	folder := filepath.Join(d.path, name.Topic)
	file, err := os.CreateTemp(folder, name.file()+partial+"*") // for its user alone
	if err != nil {
		return err
	}
	if err := fill(ctx, file, write); err != nil {
		return errors.Join(err, gone(os.Remove(file.Name())))
	}
	err = os.Rename(file.Name(), filepath.Join(folder, name.file()))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a later owner of the partition has removed it unfinished: %w", err)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncFolder(folder)
}

// List returns the snapshots of a partition, newest first: those that contain
// more of the log before those that contain less.
func (d *Dir) List(ctx context.Context, topic string, partition int32) ([]Name, error) {
	if err := errors.Join(ctx.Err(), checkTopic(topic)); err != nil {
		return nil, fmt.Errorf("listing snapshots: %w", err)
	}
	files, err := os.ReadDir(filepath.Join(d.path, topic))
	if err := gone(err); err != nil {
		return nil, fmt.Errorf("listing snapshots: %w", err)
	}
	var names []Name
	for _, file := range files {
		if name, ok := parse(topic, file.Name()); ok && name.Partition == partition {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, compareNewest)
	return names, nil
}

// File is a snapshot that is open for reading.
type File struct {
	io.ReadCloser
	Written time.Time // when it was written to the end, by the clock of the file system
}

// Open opens a snapshot for reading. The error is fs.ErrNotExist if it is not
// there, as when another process has removed it since it was listed.
func (d *Dir) Open(ctx context.Context, name Name) (*File, error) {
	if err := errors.Join(ctx.Err(), name.check()); err != nil {
		return nil, fmt.Errorf("opening a snapshot: %w", err)
	}
	file, err := os.Open(filepath.Join(d.path, name.Topic, name.file()))
	if err != nil {
		return nil, fmt.Errorf("opening a snapshot: %w", err)
	}
	about, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening a snapshot: %w", errors.Join(err, file.Close()))
	}
	return &File{ReadCloser: file, Written: about.ModTime()}, nil
}

// Remove removes a snapshot. That it is gone already is no error.
func (d *Dir) Remove(ctx context.Context, name Name) error {
	if err := errors.Join(ctx.Err(), name.check()); err != nil {
		return fmt.Errorf("removing a snapshot: %w", err)
	}
	if err := gone(os.Remove(filepath.Join(d.path, name.Topic, name.file()))); err != nil {
		return fmt.Errorf("removing a snapshot: %w", err)
	}
	return nil
}

// makeFolder makes sure that a topic's folder is there, durably.
func (d *Dir) makeFolder(topic string) error {
	err := os.Mkdir(filepath.Join(d.path, topic), dirMode)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return syncFolder(d.path)
}

// sweep removes the partial files of a topic that have been given up, judged by
// what they were to become and when they were last written to.
func (d *Dir) sweep(topic string, givenUp func(Name, time.Time) bool) error {
	folder := filepath.Join(d.path, topic)
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, file := range files {
		become, _, isPartial := strings.Cut(file.Name(), partial)
		name, ok := parse(topic, become)
		if !isPartial || !ok {
			continue
		}
		info, err := file.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just been finished
		}
		if err != nil {
			return err
		}
		if !givenUp(name, info.ModTime()) {
			continue
		}
		if err := gone(os.Remove(filepath.Join(folder, file.Name()))); err != nil {
			return err
		}
	}
	return nil
}

// fill writes a file's content to the disk, and closes the file.
func fill(ctx context.Context, file *os.File, write func(io.Writer) error) (err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	buffer := bufio.NewWriterSize(bounded{ctx, file}, bufferSize)
	if err := write(buffer); err != nil {
		return err
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	return file.Sync()
}

// bounded is a writer that fails once its context has ended.
type bounded struct {
	ctx context.Context
	io.Writer
}

func (b bounded) Write(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Writer.Write(p)
}

// syncFolder makes durable which files a folder holds.
func syncFolder(path string) (err error) {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	return folder.Sync()
}

// gone lets pass that something is not there.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
