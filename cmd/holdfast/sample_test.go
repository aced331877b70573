package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestTheSampleIsWhatSimulateMakes: whoever follows examples/tuning can make the
// sample anew, and the documents' figures stay true.
func TestTheSampleIsWhatSimulateMakes(t *testing.T) {
	const folder = "../../examples/tuning"
	dir := t.TempDir()
	events, attacks := filepath.Join(dir, "events.ndjson"), filepath.Join(dir, "attacks.ndjson")
	command(t, io.Discard, "simulate", "--accounts", "1000", "--days", "4", "--seed", "7", "--labels", attacks, "--out", events)
	made := map[string][]byte{"events.ndjson.zst": read(t, events), "attacks.ndjson": read(t, attacks)}
	if *update {
		pack, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, "events.ndjson.zst"), pack.EncodeAll(made["events.ndjson.zst"], nil))
		write(t, filepath.Join(folder, "attacks.ndjson"), made["attacks.ndjson"])
	}
	for name, want := range made {
		got := read(t, filepath.Join(folder, name))
		if filepath.Ext(name) == ".zst" {
			unpack, err := zstd.NewReader(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = unpack.DecodeAll(got, nil); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			unpack.Close()
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what simulate makes; -update writes it", name)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
