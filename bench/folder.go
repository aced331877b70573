package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// What is kept in the folder while something is measured, and no longer.
const (
	kafkaFolders  = "kafka-*"
	daemonFolders = "daemon-*"
	snapshotFiles = "snapshot-*"
)

// occupy makes sure that nobody else measures in a folder, and removes what one
// who was killed has left there.
func occupy(folder string) (release func(), err error) {
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	release = func() { _ = lock.Close() }
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		release()
		return nil, fmt.Errorf("locking %s: %w; another run is measuring", lock.Name(), err)
	}
	for _, pattern := range []string{kafkaFolders, daemonFolders, snapshotFiles} {
		left, err := filepath.Glob(filepath.Join(folder, pattern))
		for _, name := range left {
			err = errors.Join(err, os.RemoveAll(name))
		}
		if err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

// needDisk fails if a folder has not that many bytes left.
func needDisk(folder string, bytes int64) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err != nil {
		return fmt.Errorf("looking how much room is left in %s: %w", folder, err)
	}
	if left := int64(disk.Bavail) * disk.Bsize; left < bytes {
		return fmt.Errorf("%s has %d MB left, and %d MB are needed", folder, left>>20, bytes>>20)
	}
	return nil
}
