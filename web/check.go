package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	checkTimeout = 5 * time.Second
	maxReasons   = 4 << 10 // bytes of an answer that are repeated in an error
)

// Check asks the health address of a running process, such as
// http://127.0.0.1:9464/-/ready, and returns nil if it answers 200 within 5 s,
// or else an error with the reasons it gave. A user and password for basic auth
// may stand in the address. A certificate is verified, except from a loopback
// address: it names the public host, and nobody stands in between.
func Check(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("checking the health: %w", err)
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: isLoopback(request.URL)}, //nolint:gosec // loopback only
	}
	client := &http.Client{
		Transport: transport,
		// A proxy that redirects to a login page is not a healthy process.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("checking the health: %w", err) // without the password: net/http leaves it out
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	reasons, err := io.ReadAll(io.LimitReader(response.Body, maxReasons))
	if err != nil {
		return fmt.Errorf("checking the health: %s, then %w", response.Status, err)
	}
	return fmt.Errorf("not healthy (%s): %s", response.Status, strings.TrimSpace(string(reasons)))
}

func isLoopback(u *url.URL) bool {
	host := u.Hostname()
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
