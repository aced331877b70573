package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what commands print into the documents")

// tried are the sessions of a document that are run: console blocks behind a
// comment that says so.
var tried = regexp.MustCompile("(?s)<!-- tried -->\n```console\n(.*?)```\n")

// TestDocumentsShowWhatCommandsPrint runs the sessions of the documents in the
// project's folder, and holds what is printed against what the documents show. A
// line of … stands for lines that are left out.
func TestDocumentsShowWhatCommandsPrint(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(root, name)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(root)
			ran := 0
			now := tried.ReplaceAllFunc(content, func(block []byte) []byte {
				ran++
				session := string(tried.FindSubmatch(block)[1])
				return bytes.Replace(block, []byte(session), []byte(replay(t, session)), 1)
			})
			switch {
			case ran == 0:
				t.Error("no session is tried")
			case *update:
				if err := os.WriteFile(path, now, 0o644); err != nil {
					t.Fatal(err)
				}
			case !bytes.Equal(now, content):
				t.Errorf("the document differs from what is printed; -update writes it (-document +printed):\n%s", cmp.Diff(string(content), string(now)))
			}
		})
	}
}

// replay runs the commands of a session and returns it with what they print.
func replay(t *testing.T, session string) string {
	t.Helper()
	var out strings.Builder
	parts := strings.Split("\n"+session, "\n$ ")
	for _, part := range parts[1:] {
		command, shown, _ := strings.Cut(part, "\n")
		out.WriteString("$ " + command + "\n")
		printed := printedBy(t, command)
		if strings.HasSuffix(strings.TrimRight(shown, "\n"), "…") {
			printed = shorten(printed, shown)
		}
		out.WriteString(printed)
	}
	return out.String()
}

// shorten keeps as many lines of what was printed as are shown.
func shorten(printed, shown string) string {
	n := strings.Count(strings.TrimRight(shown, "\n"), "\n")
	lines := strings.SplitAfter(printed, "\n")
	if len(lines) <= n {
		return printed
	}
	return strings.Join(lines[:n], "") + "…\n"
}

func printedBy(t *testing.T, command string) string {
	t.Helper()
	words := strings.Fields(command)
	if len(words) == 0 {
		t.Fatal("a session has an empty command")
	}
	var out bytes.Buffer
	switch words[0] {
	case "holdfast":
		run(context.Background(), words[1:], streams{strings.NewReader(""), &out, &out})
	case "cat":
		for _, name := range words[1:] {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(content)
		}
	default:
		t.Fatalf("%s is not run in documents", words[0])
	}
	return out.String()
}
