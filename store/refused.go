package store

import (
	"errors"
	"fmt"
)

// ErrRefused says that the store was asked for what would contradict itself or
// what is stored. The database is well; to ask again does not help.
var ErrRefused = errors.New("the store refuses")

// refused marks an error as one that is [ErrRefused], without saying so in its
// text: what is wrong is the better sentence.
type refused struct{ error }

// Is makes it an ErrRefused.
func (refused) Is(target error) bool { return target == ErrRefused }

func refuse(format string, args ...any) error { return refused{fmt.Errorf(format, args...)} }
