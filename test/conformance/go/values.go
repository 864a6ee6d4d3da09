package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	wholeVariable = regexp.MustCompile(`^\$\{([\w.]+)\}$`)
	variable      = regexp.MustCompile(`\$\{([\w.]+)\}`)
)

// fill replaces `${name}` in all strings. A string that consists of one reference becomes the value
// itself.
func fill(value any, vars map[string]any) (any, error) {
	switch value := value.(type) {
	case string:
		if whole := wholeVariable.FindStringSubmatch(value); whole != nil {
			found, ok := vars[whole[1]]
			if !ok {
				return nil, fmt.Errorf("nothing was saved as %s", whole[1])
			}
			return found, nil
		}
		return variable.ReplaceAllStringFunc(value, func(part string) string {
			return text(vars[part[2:len(part)-1]])
		}), nil
	case []any:
		filled := make([]any, len(value))
		for index, each := range value {
			part, err := fill(each, vars)
			if err != nil {
				return nil, err
			}
			filled[index] = part
		}
		return filled, nil
	case map[string]any:
		filled := make(map[string]any, len(value))
		for key, each := range value {
			part, err := fill(each, vars)
			if err != nil {
				return nil, err
			}
			filled[key] = part
		}
		return filled, nil
	default:
		return value, nil
	}
}

// text returns the string, or the JSON of another value. It writes numbers without an exponent.
func text(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	default:
		encoded, _ := json.Marshal(value)
		return string(encoded)
	}
}

func texts(value any) []string {
	all := []string{}
	for _, each := range list(value) {
		all = append(all, text(each))
	}
	return all
}

func list(value any) []any {
	found, _ := value.([]any)
	return found
}

func number(value any, absent float64) float64 {
	if value == nil {
		return absent
	}
	parsed, err := strconv.ParseFloat(text(value), 64)
	if err != nil {
		return absent
	}
	return parsed
}

// at returns the value at a path such as `snapshots.0.config.id`.
func at(value any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch part := value.(type) {
		case map[string]any:
			value = part[key]
		case []any:
			index, err := strconv.Atoi(key)
			if err != nil || index >= len(part) {
				return ""
			}
			value = part[index]
		default:
			return ""
		}
	}
	return value
}

// fitsOutcome returns the first difference between the outcome of a call and the expectation.
func fitsOutcome(step map[string]any, ended outcome) error {
	wanted, fails := step["error"]
	came, _ := json.Marshal(ended.value)
	if ended.ok == fails {
		return fmt.Errorf("ok is %t: %s", ended.ok, came)
	}
	if !fails {
		wanted = step["expect"]
	}
	if wanted == nil {
		return nil
	}
	if problem := fits(wanted, ended.value, ""); problem != "" {
		return errors.New(problem + "; came " + string(came))
	}
	return nil
}

// fits returns the first difference, if any. An answer may have more fields than expected.
func fits(wanted, found any, path string) string {
	expected, _ := json.Marshal(wanted)
	problem := fmt.Sprintf("%s: expected %s", path, expected)
	if wanted == nil {
		if found == nil {
			return ""
		}
		return problem
	}
	switch wanted := wanted.(type) {
	case string:
		if found == nil || !fitsText(wanted, found) {
			return problem
		}
		return ""
	case []any:
		all := list(found)
		if len(all) != len(wanted) {
			return problem
		}
		for index, want := range wanted {
			if inner := fits(want, all[index], fmt.Sprintf("%s.%d", path, index)); inner != "" {
				return inner
			}
		}
		return ""
	case map[string]any:
		if some := list(wanted["$some"]); some != nil {
			all := list(found)
			for _, want := range some {
				if !slices.ContainsFunc(all, func(one any) bool { return fits(want, one, "") == "" }) {
					return problem
				}
			}
			return ""
		}
		fields, ok := found.(map[string]any)
		if !ok {
			return problem
		}
		for key, want := range wanted {
			if inner := fits(want, fields[key], path+"."+key); inner != "" {
				return inner
			}
		}
		return ""
	default:
		if wanted != found {
			return problem
		}
		return ""
	}
}

// fitsText matches a text. `*` matches any value that is not empty, and `~text` matches a part. A
// number is compared as text.
func fitsText(wanted string, found any) bool {
	came := text(found)
	if wanted == "*" {
		return came != "" && came != "{}" && came != "[]"
	}
	if part, ok := strings.CutPrefix(wanted, "~"); ok {
		return strings.Contains(came, part)
	}
	return came == wanted
}
