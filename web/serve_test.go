package web_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfastd/holdfast/web"
)

// start serves until the test ends or stop is called, which returns how Serve
// ended.
func start(t *testing.T, o web.ServeOptions) (address string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Listener = l
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(ctx, o) }()
	var result error
	var stopped bool
	stop = func() error {
		if !stopped {
			cancel()
			result, stopped = <-ended, true
		}
		return result
	}
	t.Cleanup(func() { _ = stop() }) // whoever cares how it ended has called it
	return l.Addr().String(), stop
}

func TestStreamsEndWhenTheServerDoes(t *testing.T) {
	handler, err := web.New(web.Options{Store: &memory{}, Console: true, DemoAccount: "ana"})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	address, stop := start(t, web.ServeOptions{Handler: handler, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	stream := listen(t, "http://"+address+"/inbox/events")
	stream.next()
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
	if html, err := stream.event(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %q, %v", html, err)
	}
	// Not cut off after the time of grace, but ended by itself.
	if strings.Contains(log.String(), "Cut off") {
		t.Errorf("log: %s", log.String())
	}
}

func TestARequestMayFinishWhileTheServerEnds(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	handler, err := web.New(web.Options{Ready: func(ctx context.Context) error {
		close(begun)
		<-finish
		return ctx.Err()
	}})
	if err != nil {
		t.Fatal(err)
	}
	address, stop := start(t, web.ServeOptions{Handler: handler})
	answered := make(chan error)
	go func() { answered <- web.Check(t.Context(), "http://"+address+"/-/ready") }()
	<-begun
	ended := make(chan error)
	go func() { ended <- stop() }()
	for { // until it takes no more connections
		c, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		c.Close()
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("the request: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestServeSaysWhyItCannot(t *testing.T) {
	handler := http.NotFoundHandler()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	bad := write(t, "web.yaml", "basic_auth_usres: {}\n")
	for name, o := range map[string]web.ServeOptions{
		"no handler":      {Listen: "127.0.0.1:0"},
		"address taken":   {Handler: handler, Listen: taken.Addr().String()},
		"no listener":     {Handler: handler, Listener: closed},
		"no config file":  {Handler: handler, Listen: "127.0.0.1:0", ConfigFile: bad + ".gone"},
		"bad config file": {Handler: handler, Listen: "127.0.0.1:0", ConfigFile: bad},
	} {
		if err := web.Serve(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTheConfigurationFileBringsTLSAndPasswords(t *testing.T) {
	certificate, key := selfSigned(t)
	config := write(t, "web.yaml", `
tls_server_config: {cert_file: `+certificate+`, key_file: `+key+`}
basic_auth_users:
  ops: $2a$04$P5IyWk5MTmCTfBRPVoKJp.QhFhD/U5ovgbtdZSIOxxeO87PUPkv8q
`)
	handler, err := web.New(web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	address, stop := start(t, web.ServeOptions{Handler: handler, ConfigFile: config})
	if err := web.Check(t.Context(), "https://ops:hunter2@"+address+"/-/healthy"); err != nil {
		t.Errorf("with the password: %v", err)
	}
	if err := web.Check(t.Context(), "https://"+address+"/-/healthy"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without the password: %v", err)
	}
	if err := web.Check(t.Context(), "http://ops:hunter2@"+address+"/-/healthy"); err == nil {
		t.Error("it answered without TLS")
	}
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// selfSigned makes a certificate that no client trusts.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "holdfast.example"},
		DNSNames:     []string{"holdfast.example"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
}
