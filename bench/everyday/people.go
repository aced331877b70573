package everyday

// city is where some of the people live.
type city struct {
	country  string
	dial     string // what their phone numbers begin with
	prefix   string // what their addresses begin with; of the private ranges, all of them
	networks []int64
	lat, lon float64
}

var cities = []city{
	{"DE", "+49155", "10.16.", []int64{3320, 3209, 6805}, 52.52, 13.405},
	{"DE", "+49155", "10.17.", []int64{3320, 8881}, 48.137, 11.575},
	{"FR", "+33655", "10.32.", []int64{3215, 12322, 5410}, 48.857, 2.352},
	{"ES", "+34655", "10.48.", []int64{3352, 12479}, 40.417, -3.704},
	{"IT", "+39355", "10.64.", []int64{3269, 30722}, 45.464, 9.19},
	{"PL", "+48555", "10.80.", []int64{5617, 12741}, 52.23, 21.012},
	{"GB", "+44755", "10.96.", []int64{2856, 5089, 5607}, 51.507, -0.128},
	{"US", "+1212", "10.112.", []int64{7922, 7018, 701, 21928}, 40.713, -74.006},
	{"US", "+1415", "10.113.", []int64{7922, 7018}, 37.775, -122.419},
	{"US", "+1305", "10.114.", []int64{7922, 21928}, 25.762, -80.192},
	{"BR", "+551155", "10.128.", []int64{28573, 26599, 27699}, -23.551, -46.633},
	{"MX", "+52555", "10.144.", []int64{8151, 28403}, 19.433, -99.133},
	{"IN", "+91955", "10.160.", []int64{55836, 45609, 38266}, 19.076, 72.878},
	{"IN", "+91955", "10.161.", []int64{55836, 45609}, 12.972, 77.594},
	{"ID", "+62855", "10.176.", []int64{7713, 23693}, -6.208, 106.846},
	{"NG", "+234805", "10.192.", []int64{29465, 37282, 37148}, 6.524, 3.379},
	{"JP", "+81905", "10.208.", []int64{2516, 4713, 17676}, 35.676, 139.65},
	{"UA", "+38055", "10.224.", []int64{15895, 21497}, 50.45, 30.523},
}

// model is a kind of device, and what its app says of itself.
type model struct{ platform, name, agent string }

var models = []model{
	{"ios", "iPhone", "App/9.1 (iPhone16,1; iOS 19.1)"},
	{"ios", "iPhone 15", "App/9.1 (iPhone15,4; iOS 18.6)"},
	{"ios", "Mariés iPhone", "App/9.0 (iPhone14,5; iOS 18.5)"},
	{"ios", "iPad", "App/9.1 (iPad14,8; iPadOS 19.0)"},
	{"android", "Pixel 9", "App/9.1 (Android 16; Pixel 9)"},
	{"android", "SM-S921B", "App/9.1 (Android 16; SM-S921B)"},
	{"android", "SM-A546E", "App/8.9 (Android 15; SM-A546E)"},
	{"android", "Redmi Note 13", "App/9.0 (Android 14; 2312DRA50G)"},
	{"android", "moto g84 5G", "App/8.7 (Android 14; moto g84 5G)"},
	{"android", "Телефон Олени", "App/9.1 (Android 15; V2318)"},
	{"web", "Firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"},
	{"web", "Chrome", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0.0.0 Safari/537.36"},
	{"desktop", `Den's 27" desk`, "Desktop/5.4 (Windows 11)"},
	{"desktop", "MacBook Pro", "Desktop/5.4 (macOS 26.1)"},
}

var versions = []string{"9.1.0", "9.0.4", "9.0.2", "8.9.7", "8.7.1"}
