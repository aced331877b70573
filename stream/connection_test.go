package stream_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/holdfastd/holdfast/stream"
)

const password = "hunter2-0123456789"

func TestAuthentication(t *testing.T) {
	t.Parallel()
	certificate, file, key := selfSigned(t)
	authority := x509.NewCertPool()
	authority.AddCert(certificate.Leaf)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			_, connection := fake(t, kfake.SeedTopics(1, "events"), kfake.EnableSASL(), kfake.Superuser(mechanism, "ana", password),
				kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority}))
			connection.TLS = stream.TLS{Enabled: true, CAFile: file, CertFile: file, KeyFile: key}
			connection.SASL = stream.SASL{Mechanism: mechanism, Username: "ana", Password: password}
			producer := newProducer(t, connection)
			if err := producer.Produce(t.Context(), "events", []stream.Message{{Value: []byte("a")}}); err != nil {
				t.Fatal(err)
			}
			r := run(t, connection, "events", newProbe())
			r.wait(t, "the record arrives", func() bool { return len(r.values()) == 1 })
			r.ready()

			connection.SASL.Password += "x"
			var log journal
			wrong := run(t, connection, "events", newProbe(), func(o *stream.ConsumerOptions) { o.Logger = log.logger() })
			poll(t, "the consumer says that it is turned away", func() error {
				if err := wrong.Ready(); err == nil || !strings.Contains(err.Error(), "credentials") {
					return fmt.Errorf("it says %w", err)
				}
				return nil
			})
			if err := stream.EnsureTopic(t.Context(), connection, "more", 1); err == nil || strings.Contains(err.Error(), password) {
				t.Errorf("with a wrong password: %v", err)
			}
			if log.count(password) > 0 {
				t.Error("the password is in the log")
			}
		})
	}
}

func TestConnectionIsChecked(t *testing.T) {
	t.Parallel()
	_, file, _ := selfSigned(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	brokers := []string{"localhost:9092"}
	for _, test := range []struct {
		want       string
		connection stream.Connection
	}{
		{"no kafka brokers", stream.Connection{}},
		{`"localhost" is not host:port`, stream.Connection{Brokers: []string{"localhost"}}},
		{`mechanism "GSSAPI" is none of`, stream.Connection{Brokers: brokers, SASL: stream.SASL{Mechanism: "GSSAPI", Username: "u", Password: password}}},
		{"needs a username and a password", stream.Connection{Brokers: brokers, SASL: stream.SASL{Mechanism: "PLAIN", Username: "u"}}},
		{"without a SASL mechanism", stream.Connection{Brokers: brokers, SASL: stream.SASL{Username: "u", Password: password}}},
		{"forbidden character", stream.Connection{Brokers: brokers, SASL: stream.SASL{Mechanism: "SCRAM-SHA-256", Username: "u", Password: password + "\u0007"}}},
		{"reading the kafka CA file", stream.Connection{Brokers: brokers, TLS: stream.TLS{Enabled: true, CAFile: "missing.pem"}}},
		{"holds no PEM certificate", stream.Connection{Brokers: brokers, TLS: stream.TLS{Enabled: true, CAFile: empty}}},
		{"together or not at all", stream.Connection{Brokers: brokers, TLS: stream.TLS{Enabled: true, CertFile: file}}},
		{"loading the kafka client certificate", stream.Connection{Brokers: brokers, TLS: stream.TLS{Enabled: true, CertFile: file, KeyFile: empty}}},
	} {
		_, err := stream.NewConsumer(stream.ConsumerOptions{Connection: test.connection, Topic: "t", Group: "g", Open: newProbe().open})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), password) {
			t.Errorf("got error %v, want one that says %q", err, test.want)
		}
		if _, again := stream.NewProducer(stream.ProducerOptions{Connection: test.connection}); again == nil || again.Error() != err.Error() {
			t.Errorf("a producer says %v, a consumer %v", again, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	good := stream.ConsumerOptions{Connection: stream.Connection{Brokers: []string{"localhost:9092"}}, Topic: "t", Group: "g", Open: newProbe().open}
	if _, err := stream.NewConsumer(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*stream.ConsumerOptions){
		"no topic":       func(o *stream.ConsumerOptions) { o.Topic = "" },
		"no group":       func(o *stream.ConsumerOptions) { o.Group = "" },
		"no open":        func(o *stream.ConsumerOptions) { o.Open = nil },
		"negative bytes": func(o *stream.ConsumerOptions) { o.MaxBytes = -1 },
		"negative wait":  func(o *stream.ConsumerOptions) { o.MaxWait = -1 },
		"backoff":        func(o *stream.ConsumerOptions) { o.BackoffMin, o.BackoffMax = time.Second, time.Millisecond },
	} {
		opts := good
		change(&opts)
		if _, err := stream.NewConsumer(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPasswordsAreNotPrinted(t *testing.T) {
	t.Parallel()
	connection := stream.Connection{SASL: stream.SASL{Mechanism: "PLAIN", Username: "ana", Password: password}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", connection, connection.SASL)
	}
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	logger.InfoContext(context.Background(), "connecting", "sasl", connection.SASL)
	if strings.Contains(out.String(), password) || !strings.Contains(out.String(), "PLAIN") {
		t.Errorf("printed:\n%s", &out)
	}
}

// selfSigned is a certificate for 127.0.0.1, for servers and clients, and the
// files that hold it and its key.
func selfSigned(t *testing.T) (certificate tls.Certificate, certFile, keyFile string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for name, data := range map[string][]byte{certFile: certPEM, keyFile: keyPEM} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if certificate, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return certificate, certFile, keyFile
}
