package configs

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is one honoured key, bound to its field of a Config.
type setting struct {
	key string
	// def is Red Kite's default as one would write it.
	def string
	// help says what the key does, in one sentence.
	help string
	// expects describes the valid values, for errors and for the documentation.
	expects string
	// parse checks a value and stores it. Its error needs no key and no value:
	// the caller has them. refusal makes the reason more than "expected …".
	parse func(text string) error
	// show writes the stored value.
	show func() string
}

// refusal is an error of parse for a value that is well formed and known, but
// not to be had.
type refusal string

func (r refusal) Error() string { return string(r) }

// errInvalid is what parse returns for a value that is not what is expected.
var errInvalid = errors.New("configs: invalid value")

func intSetting(key, def string, p *int, low, high int, help string) setting {
	return setting{
		key: key, def: def, help: help,
		expects: "an integer " + between(low, high, strconv.Itoa),
		parse: func(text string) error {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil || n < low || n > high {
				return errInvalid
			}
			*p = n
			return nil
		},
		show: func() string { return strconv.Itoa(*p) },
	}
}

func int64Setting(key, def string, p *int64, low, high int64, help string) setting {
	return setting{
		key: key, def: def, help: help,
		expects: "an integer " + between(low, high, func(n int64) string { return strconv.FormatInt(n, 10) }),
		parse: func(text string) error {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if err != nil || n < low || n > high {
				return errInvalid
			}
			*p = n
			return nil
		},
		show: func() string { return strconv.FormatInt(*p, 10) },
	}
}

// between writes a range; an upper end at the type's largest value is none.
func between[T int | int64](low, high T, format func(T) string) string {
	if int64(high) == math.MaxInt64 || int64(high) == int64(math.MaxInt) {
		return "of at least " + format(low)
	}
	return "from " + format(low) + " to " + format(high)
}

// sizeSetting is a number of bytes; a number without a suffix counts unit.
func sizeSetting[T int | int64](key, def string, p *T, unit, low, high int64, help string) setting {
	expects := "a size " + between(low, high, formatSize)
	if unit == 1 {
		expects += ", in bytes or with a suffix such as MiB"
	} else {
		expects += ", in units of " + formatSize(unit) + " or with a suffix such as MiB"
	}
	return setting{
		key: key, def: def, help: help, expects: expects,
		parse: func(text string) error {
			n, err := parseSize(text, unit)
			if err != nil || n < low || n > high || int64(T(n)) != n {
				return errInvalid
			}
			*p = T(n)
			return nil
		},
		show: func() string { return formatSize(int64(*p)) },
	}
}

// durationSetting is a duration; a number without a unit counts unit.
func durationSetting(key, def string, p *time.Duration, unit, low, high time.Duration, help string) setting {
	return setting{
		key: key, def: def, help: help,
		expects: fmt.Sprintf("a duration from %s to %s, in units of %s or with a unit such as 90s",
			formatDuration(low), formatDuration(high), formatDuration(unit)),
		parse: func(text string) error {
			d, err := parseDuration(text, unit)
			if err != nil || d < low || d > high {
				return errInvalid
			}
			*p = d
			return nil
		},
		show: func() string { return formatDuration(*p) },
	}
}

// shareSetting is a number above 0 and up to high.
func shareSetting(key, def string, p *float64, high float64, help string) setting {
	return setting{
		key: key, def: def, help: help,
		expects: fmt.Sprintf("a number above 0 and up to %g", high),
		parse: func(text string) error {
			n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil || !(n > 0 && n <= high) {
				return errInvalid
			}
			*p = n
			return nil
		},
		show: func() string { return strconv.FormatFloat(*p, 'g', -1, 64) },
	}
}

func boolSetting(key, def string, p *bool, help string) setting {
	return setting{
		key: key, def: def, help: help, expects: "true or false",
		parse: func(text string) error {
			b, err := parseBool(text)
			if err != nil {
				return errInvalid
			}
			*p = b
			return nil
		},
		show: func() string { return strconv.FormatBool(*p) },
	}
}

// choice is one value of a choiceSetting.
type choice struct {
	name string
	// means is the value stored, "" for name itself.
	means string
	// refused is the reason why the value, though known, cannot be had.
	refused string
}

func choiceSetting(key, def string, p *string, choices []choice, help string) setting {
	var names []string
	for _, c := range choices {
		if c.refused == "" {
			names = append(names, c.name)
		}
	}
	return setting{
		key: key, def: def, help: help, expects: "one of " + strings.Join(names, ", "),
		parse: func(text string) error {
			name := strings.ToLower(strings.TrimSpace(text))
			i := slices.IndexFunc(choices, func(c choice) bool { return c.name == name })
			if i < 0 {
				return errInvalid
			}
			if c := choices[i]; c.refused != "" {
				return refusal(c.refused)
			} else if c.means != "" {
				name = c.means
			}
			*p = name
			return nil
		},
		show: func() string { return *p },
	}
}

// textSetting is free text; valid refuses with errInvalid or a refusal.
func textSetting(key, def, expects string, p *string, valid func(string) error, help string) setting {
	return setting{
		key: key, def: def, help: help, expects: expects,
		parse: func(text string) error {
			if err := valid(text); err != nil {
				return err
			}
			*p = text
			return nil
		},
		show: func() string { return *p },
	}
}

// everyAddress is how a user writes "bind on every address".
const everyAddress = "*"

// hostsSetting is the list of hosts to bind on.
func hostsSetting(key, def string, p *[]string, help string) setting {
	return setting{
		key: key, def: def, help: help,
		expects: `a list of IP addresses and "localhost", separated by commas, or "*" for every address`,
		parse: func(text string) error {
			hosts, err := parseHosts(text)
			if err != nil {
				return err
			}
			*p = hosts
			return nil
		},
		show: func() string {
			if slices.Equal(*p, []string{""}) {
				return everyAddress
			}
			return strings.Join(*p, ",")
		},
	}
}

// parseHosts parses a list of hosts. Every address is one "", and then there
// is no other.
func parseHosts(text string) ([]string, error) {
	var hosts []string
	for part := range strings.SplitSeq(text, ",") {
		switch part = strings.TrimSpace(part); part {
		case everyAddress:
			hosts = append(hosts, "")
		case "localhost":
			hosts = append(hosts, "127.0.0.1", "::1")
		default:
			addr, err := netip.ParseAddr(strings.Trim(part, "[]"))
			if err != nil {
				return nil, errInvalid
			}
			hosts = append(hosts, addr.String())
		}
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	if len(hosts) > 1 && (hosts[0] == "" || slices.Contains(hosts, "0.0.0.0") || slices.Contains(hosts, "::")) {
		return nil, refusal(`"*", 0.0.0.0 and :: stand for every address and must stand alone`)
	}
	return hosts, nil
}
