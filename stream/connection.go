package stream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Connection says how a Kafka cluster is reached.
type Connection struct {
	// Brokers are host:port addresses to start from; the cluster names the
	// others. At least one.
	Brokers []string
	// ClientID is what the brokers know this client by, in their logs and
	// quotas. Defaults to "holdfast".
	ClientID string
	// TLS encrypts the connection. Defaults to none.
	TLS TLS
	// SASL authenticates the client. Defaults to none.
	SASL SASL
}

// TLS is how a connection is encrypted.
type TLS struct {
	// Enabled turns TLS on; without it the other fields count for nothing.
	Enabled bool
	// CAFile holds the PEM certificates of those who may have signed the
	// brokers' certificates. Defaults to the system's.
	CAFile string
	// CertFile and KeyFile are the client's own PEM certificate and key, for
	// brokers that ask for one. They are read anew at each handshake, so that
	// renewed ones are picked up. Default to none.
	CertFile, KeyFile string
	// ServerName is the name the brokers' certificates must carry. Defaults to
	// the host of the broker's address.
	ServerName string
}

// SASL is how a client says who it is. It prints without its password.
type SASL struct {
	// Mechanism is one of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. Empty is no
	// authentication.
	Mechanism string
	// Username and Password are the credentials.
	Username, Password string
}

// Format writes the mechanism and nothing else, under every verb.
func (s SASL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.Mechanism) }

// LogValue is the mechanism and nothing else.
func (s SASL) LogValue() slog.Value { return slog.StringValue(s.Mechanism) }

const (
	// dialTimeout bounds the making of a connection, handshakes included.
	dialTimeout = 5 * time.Second
	// requestTimeout bounds the wait for an answer, beyond what the request
	// itself asks the broker to wait.
	requestTimeout = 10 * time.Second
	// metadataTTL bounds the age of what is known of the cluster's layout.
	metadataTTL = 5 * time.Second
)

// cluster is a Kafka cluster and the connections to it. Close ends them all,
// with the goroutines of the client library that serve them.
type cluster struct {
	addr      net.Addr
	clientID  string
	sockets   *sockets
	transport *kafka.Transport
	dialer    *kafka.Dialer // for the consumer group, which has connections of its own
}

// cluster prepares for connections without making any. A list of topics keeps
// the metadata to those; nil is all the cluster has.
func (c Connection) cluster(topics []string) (*cluster, error) {
	if len(c.Brokers) == 0 {
		return nil, errors.New("no kafka brokers are given")
	}
	for _, b := range c.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("kafka broker %q is not host:port", b)
		}
	}
	if c.ClientID == "" {
		c.ClientID = "holdfast"
	}
	encryption, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	mechanism, err := c.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	s := newSockets()
	return &cluster{
		addr:     kafka.TCP(c.Brokers...),
		clientID: c.ClientID,
		sockets:  s,
		transport: &kafka.Transport{
			Dial:           s.dial,
			DialTimeout:    dialTimeout,
			MetadataTTL:    metadataTTL,
			MetadataTopics: topics,
			ClientID:       c.ClientID,
			TLS:            encryption,
			SASL:           mechanism,
		},
		dialer: &kafka.Dialer{
			DialFunc:      s.dial,
			Timeout:       dialTimeout,
			ClientID:      c.ClientID,
			TLS:           encryption,
			SASLMechanism: mechanism,
		},
	}, nil
}

func (c *cluster) client() *kafka.Client {
	return &kafka.Client{Addr: c.addr, Transport: c.transport, Timeout: requestTimeout}
}

// refresh drops what is known of the cluster, so that the next request asks for
// its layout first. The transport would otherwise go on with what it knew for
// up to metadataTTL, be it a partition's former leader or an error.
func (c *cluster) refresh() { c.transport.CloseIdleConnections() }

// explain adds what a broker that just closes the connection does not say.
func (c *cluster) explain(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w (the broker hung up: does it expect TLS, another SASL mechanism or other credentials?)", err)
	}
	return err
}

func (c *cluster) close() {
	c.transport.CloseIdleConnections()
	c.sockets.close()
}

func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	config := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the kafka CA file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the kafka CA file %s holds no PEM certificate", t.CAFile)
		}
	}
	switch {
	case t.CertFile == "" && t.KeyFile == "":
		return config, nil
	case t.CertFile == "" || t.KeyFile == "":
		return nil, errors.New("the kafka client certificate and its key are given together or not at all")
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("loading the kafka client certificate: %w", err)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return config, nil
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	if s.Mechanism == "" {
		if s.Username != "" || s.Password != "" {
			return nil, errors.New("kafka credentials are given without a SASL mechanism")
		}
		return nil, nil
	}
	if s.Username == "" || s.Password == "" {
		return nil, fmt.Errorf("kafka SASL %s needs a username and a password", s.Mechanism)
	}
	switch s.Mechanism {
	case "PLAIN":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scramMechanism(scram.SHA256, s)
	case "SCRAM-SHA-512":
		return scramMechanism(scram.SHA512, s)
	}
	return nil, fmt.Errorf("kafka SASL mechanism %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", s.Mechanism)
}

func scramMechanism(algorithm scram.Algorithm, s SASL) (sasl.Mechanism, error) {
	m, err := scram.Mechanism(algorithm, s.Username, s.Password)
	if err != nil {
		// The library's error may quote the credentials.
		return nil, fmt.Errorf("the kafka username or password can't be used with %s: it holds a forbidden character", s.Mechanism)
	}
	return m, nil
}
