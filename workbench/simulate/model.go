package simulate

// model is a kind of device, and what its app or browser says of itself.
type model struct {
	platform, name string
	agent          string // that of an app has the app's version after its first word
	weight         int
	phone          bool // carries a SIM
}

// The models are what is in people's hands; the weights are rough.
var models = []model{
	{"ios", "iPhone 16", "App (iPhone17,3; iOS 26.1)", 9, true},
	{"ios", "iPhone 15", "App (iPhone15,4; iOS 26.1)", 8, true},
	{"ios", "iPhone 13", "App (iPhone14,5; iOS 18.7)", 8, true},
	{"ios", "iPad", "App (iPad14,8; iPadOS 26.1)", 3, false},
	{"android", "Pixel 9", "App (Android 16; Pixel 9)", 4, true},
	{"android", "SM-S921B", "App (Android 16; SM-S921B)", 9, true},
	{"android", "SM-A546E", "App (Android 15; SM-A546E)", 10, true},
	{"android", "Redmi Note 13", "App (Android 15; 2312DRA50G)", 9, true},
	{"android", "moto g84 5G", "App (Android 14; moto g84 5G)", 4, true},
	{"web", "Chrome on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", 16, false},
	{"web", "Edge on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", 5, false},
	{"web", "Firefox on Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", 3, false},
	{"web", "Safari on Mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15", 6, false},
	{"desktop", "Windows PC", "Desktop (Windows 11)", 4, false},
	{"desktop", "MacBook Pro", "Desktop (macOS 26.1)", 3, false},
}

// anyModel picks a model of the kind that is wanted; nil takes any.
func anyModel(d dice, wanted func(*model) bool) uint8 {
	sum := 0
	for i := range models {
		if wanted == nil || wanted(&models[i]) {
			sum += models[i].weight
		}
	}
	at := d.below(sum)
	for i := range models {
		if wanted != nil && !wanted(&models[i]) {
			continue
		}
		if at -= models[i].weight; at < 0 {
			return uint8(i)
		}
	}
	return 0
}

func isPhone(m *model) bool   { return m.phone }
func isBrowser(m *model) bool { return m.platform == "web" }

// versions are those of the service's app; web pages have the newest.
var versions = []string{"9.1.0", "9.0.4", "9.0.2", "8.9.7", "8.7.1"}

// browser is the browser of a number.
func browser(number uint64) uint8 {
	at := int(number % uint64(len(models)))
	for !isBrowser(&models[at]) {
		at = (at + 1) % len(models)
	}
	return uint8(at)
}
