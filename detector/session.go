package detector

import (
	"slices"
	"time"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/detector/memory"
)

// The words of a chunkSession, an active session of an account. The sessions of
// an account are linked in the order in which they became known. The words count
// from the chunk's own first word.
const (
	sessionHash   = iota + 1 // of its id
	sessionDevice            // hash of the device's id; 0 if it is not known
	sessionStarted
	sessionFlags // whether it is trusted, and the lengths of the two ids
	sessionTexts // the session's id, then the device's

	sessionTrusted   = 1  // the event that started it called its device trusted
	sessionIDLen     = 16 // shift
	sessionDeviceLen = 32 // shift
)

// sessionStart is how far apart the events are that tell of one login: what they
// say of the device holds for the session.
const sessionStart = time.Minute

// sessionTexts returns the ids of a session and of its device.
func (e *Engine) sessionIDs(c memory.Chunk) (id, device string) {
	idLen, deviceLen := int(c[sessionFlags]>>sessionIDLen&0xffff), int(c[sessionFlags]>>sessionDeviceLen&0xffff)
	e.text = readText(e.text[:0], c[sessionTexts:], idLen)
	e.text = readText(e.text, c[sessionTexts+wordsFor(idLen):], deviceLen)
	return string(e.text[:idLen]), string(e.text[idLen:])
}

// newSession makes a session that is not linked yet.
func (e *Engine) newSession(id, device string) memory.Ref {
	e.words = appendText(appendText(e.words[:0], id), device)
	ref := e.arena.Alloc(0, chunkSession, sessionTexts-1+len(e.words))
	c := e.arena.Own(ref)
	copy(c[sessionTexts:], e.words)
	c[sessionHash], c[sessionDevice] = e.key.narrow(id), e.key.narrow(device)
	c[sessionFlags] = uint64(len(id))<<sessionIDLen | uint64(len(device))<<sessionDeviceLen
	return ref
}

// startSession remembers an active session, and what a later event of it adds.
func (e *Engine) startSession(p *profile, event *holdfast.Event) {
	id, device := event.Session, event.Device.ID
	if id == "" || len(id) > longestIDLen {
		return
	}
	if len(device) > longestIDLen {
		device = ""
	}
	e.endSessions(p, func(c memory.Chunk) bool {
		return holdfast.Instant(c[sessionStarted]) < event.Time.Add(-profileSpan)
	})
	hash, count := e.key.narrow(id), 0
	var before, at memory.Ref
	for at = p.sessions; at != 0; at = e.arena.Read(at).Next() {
		if e.arena.Read(at)[sessionHash] == hash {
			break
		}
		before = at
		count++
	}
	switch {
	case at == 0:
		if count == maxSessions && !e.giveUpSession(p, &before) {
			return
		}
		at = e.newSession(id, device)
		e.arena.Own(at)[sessionStarted] = uint64(event.Time)
		e.linkSession(p, before, at)
	case e.arena.Read(at)[sessionFlags]>>sessionDeviceLen == 0 && device != "":
		old := e.arena.Read(at)
		fuller := e.newSession(id, device)
		c := e.arena.Own(fuller)
		c[sessionStarted] = old[sessionStarted]
		c[sessionFlags] |= old[sessionFlags] & sessionTrusted
		c.SetNext(old.Next())
		e.linkSession(p, before, fuller)
		e.arena.Free(at)
		at = fuller
	}
	c := e.arena.Own(at)
	if c[sessionDevice] == 0 { // it is too long to be kept
		c[sessionDevice] = e.key.narrow(event.Device.ID)
	}
	if event.Device.Trusted == holdfast.Trusted && event.Time <= holdfast.Instant(c[sessionStarted]).Add(sessionStart) {
		c[sessionFlags] |= sessionTrusted
	}
}

// linkSession puts a session behind another one, or first.
func (e *Engine) linkSession(p *profile, before, ref memory.Ref) {
	if before == 0 {
		p.sessions = ref
	} else {
		e.arena.Own(before).SetNext(ref)
	}
}

// endSessions forgets the sessions that have ended, and reports whether there
// were any.
func (e *Engine) endSessions(p *profile, ended func(memory.Chunk) bool) bool {
	var before memory.Ref
	found := false
	for ref := p.sessions; ref != 0; {
		c := e.arena.Read(ref)
		next := c.Next()
		if ended(c) {
			e.linkSession(p, before, next)
			e.arena.Free(ref)
			found = true
		} else {
			before = ref
		}
		ref = next
	}
	return found
}

// endSession forgets a session by its id.
func (e *Engine) endSession(p *profile, id string) bool {
	if id == "" {
		return false
	}
	hash := e.key.narrow(id)
	return e.endSessions(p, func(c memory.Chunk) bool { return c[sessionHash] == hash })
}

// giveUpSession makes room by forgetting the newest session that is not trusted.
// It finds the last of the others.
func (e *Engine) giveUpSession(p *profile, last *memory.Ref) bool {
	var newest memory.Ref
	for ref := p.sessions; ref != 0; ref = e.arena.Read(ref).Next() {
		c := e.arena.Read(ref)
		if c[sessionFlags]&sessionTrusted == 0 &&
			(newest == 0 || holdfast.Instant(c[sessionStarted]) > holdfast.Instant(e.arena.Read(newest)[sessionStarted])) {
			newest = ref
		}
	}
	if newest == 0 {
		return false
	}
	hash := e.arena.Read(newest)[sessionHash]
	e.endSessions(p, func(c memory.Chunk) bool { return c[sessionHash] == hash })
	*last = 0
	for ref := p.sessions; ref != 0; ref = e.arena.Read(ref).Next() {
		*last = ref
	}
	return true
}

// sessions splits the account's active sessions for an alert (DESIGN 5).
// Protected are those whose device was trusted or known before the attack's
// first trace, and those that began trusted before it; suspect is of the rest
// what started since then or belongs to the evidence itself.
func (e *Engine) sessions(a *firing, s *scope) holdfast.Sessions {
	p := e.profileOf(s)
	if p == nil {
		return holdfast.Sessions{}
	}
	var split holdfast.Sessions
	first := a.alert.First
	for ref := p.sessions; ref != 0; {
		c := e.arena.Read(ref)
		started, deviceHash := holdfast.Instant(c[sessionStarted]), c[sessionDevice]
		d := p.device(deviceHash)
		protected := c[sessionFlags]&sessionTrusted != 0 && started < first || d != nil && d.protectedBefore(first, e.opts.TrustAfter)
		suspect := started >= first.Add(-e.opts.Lateness) || slices.Contains(a.traces.sessions, uint32(c[sessionHash])) ||
			deviceHash != 0 && slices.Contains(a.traces.devices, uint32(deviceHash))
		if protected || suspect {
			id, device := e.sessionIDs(c)
			out := holdfast.Session{ID: id, Device: device, Started: started}
			if protected {
				split.Protected = append(split.Protected, out)
			} else {
				split.Suspect = append(split.Suspect, out)
			}
		}
		ref = c.Next()
	}
	return split
}
