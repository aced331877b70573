package intake_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfastd/holdfast"
	"github.com/holdfastd/holdfast/intake"
)

// checkAsGeneral checks that value means the same to the scanner as to the
// general reader, and reports whether the scanner accepted it.
func checkAsGeneral(t *testing.T, value []byte, broker time.Time) (accepted bool) {
	t.Helper()
	d := intake.NewDecoder(intake.Options{MaxBytes: 1 << 30}) // the scanner alone has no bound
	var want, alone, decoded holdfast.Event
	wantErr := d.DecodeAny(value, broker, &want)
	accepted = intake.ScanAlone(string(value), broker, &alone)
	switch {
	case accepted && wantErr != nil:
		t.Fatalf("the scanner accepts %q; the general reader: %v", value, wantErr)
	case accepted && !reflect.DeepEqual(want, alone):
		t.Fatalf("%q\n-general +scanner:\n%s", value, cmp.Diff(want, alone))
	}
	err := d.Decode(value, broker, &decoded)
	if !reflect.DeepEqual(wantErr, err) || !reflect.DeepEqual(want, decoded) {
		t.Fatalf("%q\n-general +Decode:\n%s%s", value, cmp.Diff(want, decoded), cmp.Diff(wantErr, err, cmpopts.EquateErrors()))
	}
	scanned := holdfast.Event{ID: "left", Rule: "left", Attrs: attrs("left", "left")}
	if err = d.Scan(value, broker, &scanned); len(scanned.Attrs) == 0 {
		scanned.Attrs = nil // Scan keeps their memory
	}
	if !reflect.DeepEqual(wantErr, err) || !reflect.DeepEqual(want, scanned) {
		t.Fatalf("%q\n-general +Scan:\n%s%s", value, cmp.Diff(want, scanned), cmp.Diff(wantErr, err, cmpopts.EquateErrors()))
	}
	return accepted
}

func TestScannerAcceptsWhatIsUsual(t *testing.T) {
	t.Parallel()
	var sixteen []string
	for i := range 16 {
		sixteen = append(sixteen, fmt.Sprintf(`"a%d":%d`, i, i))
	}
	ten, six := strings.Join(sixteen[:10], ","), strings.Join(sixteen[10:], ",")
	for name, value := range map[string]string{
		"every field":             full,
		"a space after each sign": strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(full),
		"pretty":                  strings.NewReplacer(`{`, "{\n\t", `":`, `": `, `,"`, ",\r\n\t\"", `}`, "\n}").Replace(full),
		"a line's end":            full + "\r\n",
		"another order":           `{"attrs":{},"phone":"","client":{"lon":1,"lat":2},"account":"ana","type":"x.a","time":"2026-11-24T08:34:00Z" }`,
		"nothing optional":        `{"time":"2026-11-24T08:34:00Z","type":"x.a","account":"ana"}`,
		"null":                    with(`"id":null,"session":null,"device":{"trusted":null,"name":null},"client":{"asn":null,"lat":null},"attrs":{"a":null}`),
		"text beyond ASCII":       with(`"id":"é","device":{"name":"Ana’s 📱"},"attrs":{"größe":"ü"}`),
		"escapes":                 with(`"id":"\u00e9\ud83d\ude00","client":{"user_agent":"Mozilla\/5.0 \"x\""}`),
		"attributes":              with(`"attrs":{"s":"x","n":-1.50e+3,"t":true,"f":false}`),
		"sixteen attributes":      with(`"attrs":{` + strings.Join(sixteen, ",") + `}`),
		"unknown keys":            with(`"tenant":"x","v":1,"ok":true,"no":false,"none":null,"device":{"platform_version":"9","platform":"ios","os":{"a":[1,{"b":[]},"c"]}},"session":{"age":1,"id":"s"}`),
		"the same unknown keys":   with(`"a":{"a":{"a":1},"b":2},"b":{"a":3},"device":{"a":4},"attrs":{"a":5}`),
		"many in many objects":    with(ten + `,"session":{` + six + `},"device":{` + six + `},"client":{` + six + `},"attrs":{` + six + `}`),
		"keys that begin alike":   with(`"idx":1,"types":2,"accounts":3,"user_agent":"x","client":{"user_agent":"y","user_agents":"z","user_age":1}`),
		"an offset and no second": strings.Replace(full, "00.123Z", "00+05:30", 1),
		"long numbers":            with(`"client":{"lat":37.774929999999998,"lon":-1.22419416e2,"asn":4294967295}`),
	} {
		if !checkAsGeneral(t, []byte(value), time.Time{}) {
			t.Errorf("%s: the scanner turns it down", name)
		}
	}
}

// These are read all the same, only slower: a change to the list is one to the
// documentation of the speed.
func TestScannerLeavesToTheGeneralReader(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 17 {
		many = append(many, fmt.Sprintf(`"a%d":%d`, i, i))
	}
	for name, value := range map[string]string{
		"an escape in a known key":     with(`"\u0070hone":"+15550100"`),
		"an escape in an unknown key":  with(`"\u0071":1`),
		"a space before a colon":       with(`"phone" :"+15550100"`),
		"seventeen attributes":         with(`"attrs":{` + strings.Join(many, ",") + `}`),
		"seventeen unknown keys":       with(strings.Join(many, ",")),
		"an unknown value nested deep": with(`"deep":` + strings.Repeat("[", 9) + strings.Repeat("]", 9)),
		"a short unknown key, last":    with(`"z":1`),
	} {
		var e holdfast.Event
		if err := intake.NewDecoder(intake.Options{}).DecodeAny([]byte(value), time.Time{}, &e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if checkAsGeneral(t, []byte(value), time.Time{}) {
			t.Errorf("%s: the scanner accepts it", name)
		}
	}
}

func TestScannerOnEveryByte(t *testing.T) {
	t.Parallel()
	value := with(`"v":[1,"é",{}],"device":{"trusted":true},"client":{"asn":1,"lat":-1.5e+0},"attrs":{"a":-0.5E-7,"b":null}`)
	value = strings.Replace(value, "00Z", "00.1+01:00", 1)
	for at := range len(value) {
		checkAsGeneral(t, []byte(value[:at]+value[at+1:]), time.Time{})
		for b := range 256 {
			changed := []byte(value)
			changed[at] = byte(b)
			checkAsGeneral(t, changed, time.Time{})
		}
	}
	const text = "the first 16 bytes and more"
	for b := range 256 {
		for at := range 16 {
			checkAsGeneral(t, []byte(with(`"id":"`+text[:at]+string([]byte{byte(b)})+text[at:]+`"`)), time.Time{})
		}
	}
}

// A member may come where it is expected, elsewhere or not at all.
func TestScannerOnEveryOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	perhaps := func(member string) string {
		if random.IntN(5) == 0 {
			return ""
		}
		return member
	}
	object := func(members ...string) string {
		if random.IntN(3) == 0 {
			random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		}
		members = slices.DeleteFunc(members, func(member string) bool { return member == "" })
		return "{" + strings.Join(members, ",") + "}"
	}
	for range 20_000 {
		value := object(
			perhaps(`"id":"01JD"`), `"time":"2026-11-24T08:34:00.123Z"`, `"type":"code.requested"`, `"account":"u_1842"`,
			perhaps(`"channel":"sms"`), perhaps(`"purpose":"login"`), perhaps(`"attempt":"a_77"`),
			perhaps(`"session":`+object(perhaps(`"id":"s_1"`), perhaps(`"age":17`))),
			perhaps(`"device":`+object(perhaps(`"id":"d_9"`), perhaps(`"trusted":false`), perhaps(`"rooted":true`), perhaps(`"platform":"ios"`), perhaps(`"name":"Ana’s iPhone"`))),
			perhaps(`"client":`+object(perhaps(`"ip":"203.0.113.7"`), perhaps(`"country":"NG"`), perhaps(`"asn":37282`), perhaps(`"user_agent":"Safari"`), perhaps(`"lat":6.5`), perhaps(`"lon":-3.4`))),
			perhaps(`"phone":"+15550100"`), perhaps(`"attrs":`+object(perhaps(`"app_version":"9.1"`), perhaps(`"n":1`))),
		)
		if !checkAsGeneral(t, []byte(value), time.Time{}) {
			t.Fatalf("the scanner turns down %s", value)
		}
	}
}

func TestScannerOnASpaceAnywhere(t *testing.T) {
	t.Parallel()
	for at := range len(full) + 1 {
		checkAsGeneral(t, []byte(full[:at]+" "+full[at:]), time.Time{})
		checkAsGeneral(t, []byte(full[:at]), time.Time{})
	}
}

// A string may end anywhere within 8 bytes, and be the last thing but a brace.
func TestScannerOnEveryLength(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"abcdefghijklmnopqrstuvwxyz", "äöüßéèê’…😀📱äöüßéèê", "ä-plain-again-and-again-and-again", `a\"b\\c\u00e9d\/e\nf`} {
		for n := range len(text) + 1 {
			quoted := `"` + text[:n] + `"`
			for _, value := range []string{
				with(`"phone":` + quoted), with(`"attrs":{"a":` + quoted + `}`), with(`"id":` + quoted + `,"purpose":"login"`),
				`{"time":"2026-11-24T08:34:00Z","type":"x.a","account":` + quoted, `{"id":` + quoted, quoted,
			} {
				checkAsGeneral(t, []byte(value), time.Time{})
			}
		}
	}
}

func TestScannerSeesAKeyOutOfOrderThatIsThereTwice(t *testing.T) {
	t.Parallel()
	for _, after := range []string{`"s_1"`, `"iPhone"`, `3.4`, `{"app_version":"9.1"}`} {
		for _, key := range []string{
			"id", "time", "type", "account", "channel", "purpose", "attempt", "session", "device", "client", "phone", "attrs",
			"trusted", "platform", "name", "ip", "country", "asn", "user_agent", "lat", "lon",
		} {
			checkAsGeneral(t, []byte(strings.Replace(full, after, after+`,"`+key+`":null`, 1)), time.Time{})
		}
	}
}

func TestScannerSeesEveryKeyThatIsThereTwice(t *testing.T) {
	t.Parallel()
	for object, keys := range map[string][]string{
		"":        {"id", "time", "type", "account", "channel", "purpose", "attempt", "session", "device", "client", "phone", "attrs", "more"},
		"session": {"id", "more"},
		"device":  {"id", "trusted", "platform", "name", "more"},
		"client":  {"ip", "country", "asn", "user_agent", "lat", "lon", "more"},
		"attrs":   {"more"},
		"more":    {"more"},
	} {
		for _, key := range keys {
			members := `"` + key + `":null,"` + key + `":null`
			if object != "" {
				members = `"` + object + `":{` + members + `}`
			}
			value := []byte(with(members))
			checkAsGeneral(t, value, time.Time{})
			var e holdfast.Event
			err := intake.NewDecoder(intake.Options{}).Decode(value, time.Time{}, &e)
			if reason, ok := errors.AsType[*intake.Error](err); !ok || reason.Reason != intake.DuplicateKey {
				t.Errorf("%s: %v", value, err)
			}
		}
	}
}

func TestScanKeepsToTheBound(t *testing.T) {
	t.Parallel()
	d := intake.NewDecoder(intake.Options{MaxBytes: len(full)})
	var e holdfast.Event
	if err := d.Scan([]byte(full), time.Time{}, &e); err != nil {
		t.Error(err)
	}
	checkReason(t, d.Scan([]byte(full+" "), time.Time{}, &e), intake.TooLarge, "")
	checkReason(t, d.Decode([]byte(full+" "), time.Time{}, &e), intake.TooLarge, "")
}

func TestScannerOnTheCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../workbench/testdata/cases/*/events.ndjson")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			if !checkAsGeneral(t, line, time.Time{}) && isEvent(line) {
				t.Errorf("%s: the scanner turns down %s", file, line)
			}
			checkAsGeneral(t, mutate(random, line), time.Time{})
		}
	}
}

// isEvent reports whether the general reader takes the line.
func isEvent(line []byte) bool {
	var e holdfast.Event
	return intake.NewDecoder(intake.Options{}).DecodeAny(line, time.Time{}, &e) == nil
}

func TestScannerOnRandomEvents(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(2, 2))
	accepted, rejected := 0, 0
	for range 5_000 {
		e := randomEvent(random)
		value := intake.Append(nil, &e)
		broker := e.Time.Std().Add(time.Duration(random.IntN(3)-6) * time.Minute)
		checkAsGeneral(t, value, broker)
		for range 4 {
			if value = mutate(random, value); checkAsGeneral(t, value, time.Time{}) {
				accepted++
			} else {
				rejected++
			}
		}
	}
	if accepted < 1000 || rejected < 1000 {
		t.Errorf("the mutations are too mild or too wild: %d accepted, %d turned down", accepted, rejected)
	}
}

// mutate returns a value that differs from v in one place.
func mutate(random *rand.Rand, v []byte) []byte {
	if len(v) == 0 {
		return []byte("{}")
	}
	at := random.IntN(len(v))
	pick := func(choices ...string) string { return choices[random.IntN(len(choices))] }
	switch random.IntN(8) {
	case 0: // a bit flips
		v = bytes.Clone(v)
		v[at] ^= 1 << random.IntN(8)
		return v
	case 1: // the end is missing
		return bytes.Clone(v[:at])
	case 2: // a byte is missing
		return slices.Concat(v[:at], v[at+1:])
	case 3: // a part is there twice
		end := at + random.IntN(len(v)-at)
		return slices.Concat(v[:end], v[at:])
	case 4: // a member is there twice, or there are two of its kind
		i := bytes.IndexByte(v[at:], ',')
		if i < 0 {
			return v
		}
		member := bytes.SplitN(v[at+i+1:], []byte(","), 2)[0]
		return slices.Concat(v[:at+i], []byte(","), member, v[at+i:])
	case 5: // white space, near a sign or anywhere
		if i := bytes.IndexAny(v[at:], `{}":,`); i >= 0 && random.IntN(4) > 0 {
			at += i
		}
		return slices.Insert(bytes.Clone(v), at, []byte(pick(" ", "\t", "\n", "\r\n", "  ", "\f", "\u00a0"))...)
	case 6: // an escape, right or wrong
		return slices.Insert(bytes.Clone(v), at, []byte(pick(`\u0061`, `\n`, `\"`, `\\`, `\/`, `\ud83d\ude00`, `\ud83d`, `\x`, `\u12`, "\\\x01"))...)
	default: // another token
		return slices.Concat(v[:at], []byte(pick(`null`, `1`, `-`, `0`, `.5`, `1e9`, `"`, `{`, `}`, `[]`, `,`, `:`, `true`, "é", "\xc3", "\x00", `"id":"",`, `"q":[{}],`)), v[at:])
	}
}

// randomEvent is an event with any of the fields, in the lengths of real ones.
func randomEvent(random *rand.Rand) holdfast.Event {
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	sometimes := func(s string) string { return one(s, s, s, "") }
	number := func(prefix string) string { return prefix + strconv.FormatUint(random.Uint64()>>random.IntN(60), 36) }
	e := holdfast.Event{
		ID: number(""), Time: instant("2026-11-24T08:34:00Z").Add(time.Duration(random.IntN(1e9)) * time.Millisecond),
		Type: one(holdfast.EventTypes[:12]...), Account: number("u_"),
		Channel: sometimes(one(holdfast.Channels...)), Purpose: sometimes(one(holdfast.Purposes...)),
		Attempt: sometimes(number("a_")), Session: sometimes(number("s_")),
		Device: holdfast.Device{
			ID: sometimes(number("d_")), Trusted: holdfast.Trust(random.IntN(3)),
			Platform: sometimes(one("ios", "android", "web")), Name: sometimes(one("iPhone", "Galaxy S25", "Pixel 9", "Chrome on Windows", "Ana’s iPad", `"x"`)),
		},
		Client: holdfast.Client{
			IP: sometimes(fmt.Sprintf("203.0.%d.%d", random.IntN(256), random.IntN(256))), Country: sometimes(one("NG", "DE", "US")),
			ASN: random.Int64N(1 << 17), UserAgent: sometimes(one("Safari", "okhttp/4.12.0", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)", "App/9.1 (iPhone; iOS 26.1)", `"x"`)),
			Lat: math.Round(random.Float64()*90e4) / 1e4, Lon: math.Round(random.Float64()*180e4) / -1e4,
		},
		Phone: sometimes("+1555" + strconv.Itoa(random.IntN(1e7))),
	}
	for i := range random.IntN(4) {
		e.Attrs = append(e.Attrs, holdfast.Attr{Name: "k" + strconv.Itoa(i), Value: number("")})
	}
	return e
}

func TestScannerOnEveryDay(t *testing.T) {
	t.Parallel()
	end := time.Date(2262, 1, 2, 0, 0, 0, 0, time.UTC)
	for at := time.Date(1677, 12, 30, 23, 59, 59, 0, time.UTC); at.Before(end); at = at.AddDate(0, 0, 1) {
		var e holdfast.Event
		accepted := intake.ScanAlone(`{"type":"x.a","account":"a","time":"`+at.Format(time.RFC3339)+`"}`, time.Time{}, &e)
		want, err := holdfast.InstantOf(at)
		if accepted != (err == nil) || e.Time != want {
			t.Fatalf("%v reads as %v, %v", at, e.Time, accepted)
		}
	}
	for year := 1677; year <= 2262; year++ { // days that are none
		for _, day := range []string{"02-29", "02-30", "04-31", "12-32", "01-00", "00-01", "13-01"} {
			checkAsGeneral(t, fmt.Appendf(nil, `{"type":"x.a","account":"a","time":"%d-%sT00:00:00Z"}`, year, day), time.Time{})
		}
	}
}

func TestScannerOnRandomAngles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	for range 100_000 {
		angle := strconv.FormatFloat(random.Float64()*200-100, "fge"[random.IntN(3)], random.IntN(18), 64)
		var e holdfast.Event
		accepted := intake.ScanAlone(with(`"client":{"lat":`+angle+`}`), time.Time{}, &e)
		want, err := strconv.ParseFloat(angle, 64)
		if err != nil {
			t.Fatal(err)
		}
		if inRange := math.Abs(want) <= 90; accepted != inRange || inRange && e.Client.Lat != want {
			t.Fatalf("%s reads as %v, %v", angle, e.Client.Lat, accepted)
		}
	}
}

func TestScanUsesTheMemoryOfValueAndAttrs(t *testing.T) {
	t.Parallel()
	d := intake.NewDecoder(intake.Options{})
	value := []byte(full)
	var e holdfast.Event
	if err := d.Scan(value, time.Time{}, &e); err != nil {
		t.Fatal(err)
	}
	before := &e.Attrs[0]
	for i := range value {
		value[i] = 'x'
	}
	for _, text := range []string{
		e.ID, e.Type, e.Account, e.Channel, e.Purpose, e.Attempt, e.Session, e.Device.ID, e.Device.Platform, e.Device.Name,
		e.Client.IP, e.Client.Country, e.Client.UserAgent, e.Phone, e.Attrs[0].Name, e.Attrs[0].Value,
	} {
		if text == "" || strings.Trim(text, "x") != "" {
			t.Errorf("%q is a copy", text)
		}
	}
	if err := d.Scan([]byte(full), time.Time{}, &e); err != nil {
		t.Fatal(err)
	}
	if &e.Attrs[0] != before {
		t.Error("the attributes are in new memory")
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	d := intake.NewDecoder(intake.Options{})
	broker := instant("2026-11-24T08:34:00Z").Std()
	for name, value := range map[string]string{
		"every field in order": full,
		"another order":        `{"attrs":{"b":"2","a":"1"},"account":"ana","type":"x.a","time":"2026-11-24T08:34:00Z"}`,
		"spaces":               strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(full),
		"text beyond ASCII":    with(`"device":{"name":"Ana’s 📱"}`),
		"unknown keys":         with(`"tenant":"x","more":{"a":[1,2,{"b":null}]}`),
		"an offset":            strings.Replace(full, "00.123Z", "00+05:30", 1),
		"long numbers":         with(`"client":{"lat":37.774929999999998,"lon":-1.22419416e2}`),
	} {
		var e holdfast.Event
		value := []byte(value)
		if n := testing.AllocsPerRun(100, func() {
			if err := d.Scan(value, broker, &e); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per event", name, n)
		}
	}
}
