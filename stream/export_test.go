package stream

// TrustNoSilence has a consumer look for its place in the log before every fetch,
// as it otherwise does after a silence of seconds.
func TrustNoSilence(o *ConsumerOptions) { o.answerGrace = -o.MaxWait }
