package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

//go:embed static
var staticFiles embed.FS

// assets are the files beside the pages, by name.
type assets map[string]asset

type asset struct {
	content     []byte
	contentType string
	version     string // hash of the content
}

// assetTypes names the files there are. The types are fixed here because the
// ones a machine has configured may be wrong, and a browser that must not guess
// refuses a style sheet that calls itself text.
var assetTypes = map[string]string{
	"holdfast.css": "text/css; charset=utf-8",
	"live.js":      "text/javascript; charset=utf-8",
	"icon.svg":     "image/svg+xml",
}

func loadAssets() (assets, error) {
	files := make(assets, len(assetTypes))
	for name, contentType := range assetTypes {
		content, err := staticFiles.ReadFile("static/" + name)
		if err != nil {
			return nil, fmt.Errorf("reading an embedded file: %w", err)
		}
		sum := sha256.Sum256(content)
		files[name] = asset{content: content, contentType: contentType, version: hex.EncodeToString(sum[:6])}
	}
	return files, nil
}

// address is where the file's present version is found.
func (a assets) address(name string) (string, error) {
	f, ok := a[name]
	if !ok {
		return "", fmt.Errorf("there is no static file %q", name)
	}
	return "/static/" + name + "?v=" + f.version, nil
}

// serveAsset lets a browser keep a file for as long as it likes, if it asked
// for this version of it.
func (s *site) serveAsset(w http.ResponseWriter, r *http.Request) {
	file, ok := s.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.contentType)
	h.Set("ETag", `"`+file.version+`"`)
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == file.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.content))
}
