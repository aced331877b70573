package detector

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// An account's profile refers to a chunkSessions with its active sessions, in the
// order in which they became known: first the hashes of their ids, a word each,
// which is where they are looked for; then three words for each. There is room for
// a quarter as many sessions as the payload has words; the profile says how many
// there are.
const (
	sessionWords = 1 + restWords

	restDevice  = iota - 1 // hash of the device's id; 0 if it is not known
	restStarted            //
	restFlags              // what is known of it, and above a reference to the ids
	restWords

	sessionTrusted = 1  // the event that started it called its device trusted
	sessionPlaced  = 2  // the device's id is known
	sessionIDs     = 32 // shift

	fewestSessions = 4 // there is room for
)

// sessionStart is how far apart the events are that tell of one login: what they
// say of the device holds for the session.
const sessionStart = time.Minute

// sessions are those of an account: a chunkSessions, and how many there are.
type sessions struct {
	words []uint64
	n     int
}

// sessionsOf are a profile's sessions, not to be changed.
func (e *Engine) sessionsOf(p *profile) sessions {
	if p.sessionCount == 0 {
		return sessions{}
	}
	return sessions{e.arena.Read(p.sessions).Payload(), p.sessionCount}
}

// ownSessions are a profile's sessions, of which there must be one, to be changed.
func (e *Engine) ownSessions(p *profile) sessions {
	return sessions{e.arena.Own(p.sessions).Payload(), p.sessionCount}
}

func (ss sessions) room() int { return len(ss.words) / sessionWords }

// find looks for a session by the hash of its id: from the last one, of which the
// next event is most likely.
func (ss sessions) find(hash uint64) (int, bool) {
	for i := ss.n - 1; i >= 0; i-- {
		if ss.words[i] == hash {
			return i, true
		}
	}
	return 0, false
}

// session is what is known of one session beside its hash.
type session []uint64

func (ss sessions) at(i int) session {
	from := ss.room() + restWords*i
	return session(ss.words[from : from+restWords])
}

func (s session) started() holdfast.Instant { return holdfast.Instant(s[restStarted]) }
func (s session) trusted() bool             { return s[restFlags]&sessionTrusted != 0 }
func (s session) ids() memory.Ref           { return memory.Ref(s[restFlags] >> sessionIDs) }

// copyTo copies a session to another place, of these sessions or of others.
func (ss sessions) copyTo(i int, to sessions, j int) {
	to.words[j] = ss.words[i]
	copy(to.at(j), ss.at(i))
}

// putIDs stores the ids of a session and its device.
func (e *Engine) putIDs(id, device string) memory.Ref {
	e.words = append(e.words[:0], uint64(len(id))|uint64(len(device))<<32)
	e.words = appendText(appendText(e.words, id), device)
	return e.putWords(chunkText, e.words)
}

// getIDs returns what putIDs has stored.
func (e *Engine) getIDs(ref memory.Ref) (id, device string) {
	words := e.arena.Read(ref).Payload()
	idLen, deviceLen := int(uint32(words[0])), int(words[0]>>32)
	e.text = readText(e.text[:0], words[1:], idLen)
	e.text = readText(e.text, words[1+wordsFor(idLen):], deviceLen)
	return string(e.text[:idLen]), string(e.text[idLen:])
}

// startSession remembers an active session, and what a later event of it adds.
func (e *Engine) startSession(p *profile, s *scope) {
	event := s.Event
	id, device := event.Session, event.Device.ID
	if id == "" || len(id) > longestIDLen {
		return
	}
	if len(device) > longestIDLen {
		device = ""
	}
	hash := e.sessionOf(s)
	at, known := e.sessionsOf(p).find(hash)
	if !known {
		if !e.makeRoomForSession(p) {
			return
		}
		at = p.sessionCount
		p.sessionCount++
		ids := e.putIDs(id, device)
		all := e.ownSessions(p)
		all.words[at] = hash
		copy(all.at(at), []uint64{e.deviceOf(s), uint64(event.Time), uint64(ids)<<sessionIDs | flag(device != "", sessionPlaced)})
	}
	current := e.ownSessions(p).at(at)
	if known && device != "" && current[restFlags]&sessionPlaced == 0 {
		e.arena.FreeChain(current.ids())
		current[restDevice] = e.deviceOf(s)
		current[restFlags] = current[restFlags]&sessionTrusted | sessionPlaced | uint64(e.putIDs(id, device))<<sessionIDs
	}
	if event.Device.Trusted == holdfast.Trusted && event.Time <= current.started().Add(sessionStart) {
		current[restFlags] |= sessionTrusted
	}
}

// makeRoomForSession sees to it that there is room for one more session. There is
// none if the account has as many as it may have, all of them trusted.
func (e *Engine) makeRoomForSession(p *profile) bool {
	if p.sessionCount == maxSessions && !e.endSessions(p, p.endedBefore()) && !e.giveUpSession(p) {
		return false
	}
	room := 0
	if p.sessions != 0 {
		if room = e.ownSessions(p).room(); p.sessionCount < room {
			return true
		}
	}
	larger := e.arena.Alloc(0, chunkSessions, sessionWords*min(maxSessions, max(fewestSessions, 2*room)))
	to := sessions{words: e.arena.Own(larger).Payload()}
	clear(to.words)
	for i := range p.sessionCount {
		e.sessionsOf(p).copyTo(i, to, i)
	}
	if p.sessions != 0 {
		e.arena.Free(p.sessions)
	}
	p.sessions = larger
	return true
}

// endedBefore says which sessions began so long ago that they are forgotten.
func (p *profile) endedBefore() func(uint64, session) bool {
	oldest := p.last.Add(-profileSpan)
	return func(_ uint64, s session) bool { return s.started() < oldest }
}

// endSessions forgets the sessions that have ended, and reports whether there
// were any.
func (e *Engine) endSessions(p *profile, ended func(hash uint64, s session) bool) bool {
	kept, all := 0, e.sessionsOf(p)
	for i := range all.n {
		if ended(all.words[i], all.at(i)) {
			e.arena.FreeChain(all.at(i).ids())
			continue
		}
		if kept < i {
			all.copyTo(i, e.ownSessions(p), kept)
		}
		kept++
	}
	if kept == all.n {
		return false
	}
	if p.sessionCount = kept; kept == 0 {
		e.arena.Free(p.sessions)
		p.sessions = 0
	}
	return true
}

// endSession forgets the session that the event names.
func (e *Engine) endSession(p *profile, s *scope) bool {
	hash := e.sessionOf(s)
	if _, known := e.sessionsOf(p).find(hash); !known || hash == 0 {
		return false
	}
	return e.endSessions(p, func(h uint64, _ session) bool { return h == hash })
}

// giveUpSession makes room by forgetting the newest session that is not trusted.
func (e *Engine) giveUpSession(p *profile) bool {
	all := e.sessionsOf(p)
	newest := -1
	for i := range all.n {
		if s := all.at(i); !s.trusted() && (newest < 0 || s.started() > all.at(newest).started()) {
			newest = i
		}
	}
	if newest < 0 {
		return false
	}
	hash := all.words[newest]
	return e.endSessions(p, func(h uint64, _ session) bool { return h == hash })
}

// splitSessions splits the account's active sessions for an alert (DESIGN 5).
// Protected are those whose device was trusted or known before the attack's
// first trace, and those that began trusted before it; suspect is of the rest
// what started since then or belongs to the evidence itself.
func (e *Engine) splitSessions(a *firing, s *scope) holdfast.Sessions {
	p := e.profileOf(s)
	if p == nil {
		return holdfast.Sessions{}
	}
	var split holdfast.Sessions
	first := a.alert.First
	all, forgotten := e.sessionsOf(p), p.endedBefore()
	for i := range all.n {
		hash, s := all.words[i], all.at(i)
		if forgotten(hash, s) {
			continue
		}
		d := p.device(s[restDevice])
		protected := s.trusted() && s.started() < first || d != nil && d.protectedBefore(first, e.opts.TrustAfter)
		suspect := s.started() >= first.Add(-e.opts.Lateness) || slices.Contains(a.traces.sessions, uint32(hash)) ||
			s[restDevice] != 0 && slices.Contains(a.traces.devices, uint32(s[restDevice]))
		if !protected && !suspect {
			continue
		}
		id, device := e.getIDs(s.ids())
		out := holdfast.Session{ID: id, Device: device, Started: s.started()}
		if protected {
			split.Protected = append(split.Protected, out)
		} else {
			split.Suspect = append(split.Suspect, out)
		}
	}
	return split
}
