// This program is the runner in Go. It uses the generated stubs of gen/go and grpc-go. ../README.md
// explains each step. values.go reads and compares JSON, and call.go makes the calls.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

type testCase struct {
	Case  string           `json:"case"`
	Steps []map[string]any `json:"steps"`
}

type job struct {
	Targets map[string]string `json:"targets"`
	Vars    map[string]any    `json:"vars"`
	Command []string          `json:"command"`
	Child   bool              `json:"child,omitempty"`
	Cases   []testCase        `json:"cases"`
}

type runner struct {
	job      job
	jobFile  string
	vars     map[string]any
	held     map[string]*call
	children map[string]*exec.Cmd
}

func main() {
	r := &runner{jobFile: os.Args[1], held: map[string]*call{}, children: map[string]*exec.Cmd{}}
	text, err := os.ReadFile(r.jobFile)
	if err == nil {
		err = json.Unmarshal(text, &r.job)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, each := range r.job.Cases {
		r.runCase(each)
	}
}

func (r *runner) runCase(each testCase) {
	started := time.Now()
	problem := ""
	r.vars = maps.Clone(r.job.Vars)
	for index, step := range each.Steps {
		if err := r.execute(step); err != nil {
			problem = fmt.Sprintf("step %d: %v", index+1, err)
			break
		}
	}
	switch {
	case !r.job.Child:
		line, _ := json.Marshal(map[string]any{
			"case": each.Case, "problem": problem, "ms": time.Since(started).Milliseconds(),
		})
		fmt.Println(string(line))
	case problem != "":
		fmt.Println(problem)
	default:
		fmt.Println("ready")
		time.Sleep(10 * time.Minute)
	}
	for _, held := range r.held {
		held.cancel()
	}
	clear(r.held)
}

func (r *runner) execute(raw map[string]any) error {
	if plan, ok := raw["parallel"].(map[string]any); ok {
		return r.parallel(plan)
	}
	filled, err := fill(raw, r.vars)
	if err != nil {
		return err
	}
	step := filled.(map[string]any)
	switch {
	case step["run"] != nil:
		return r.run(step)
	case step["spawn"] != nil:
		return r.spawn(step)
	case step["kill"] != nil:
		child := r.children[text(step["kill"])]
		_ = child.Process.Kill()
		_ = child.Wait()
		return nil
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return err
	}
	before := memoryMib("VmRSS")
	until := time.Now().Add(time.Duration(number(step["within"], 0)) * time.Millisecond)
	for {
		err := r.attempt(step)
		if err == nil {
			break
		}
		if time.Now().After(until) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	grown := memoryMib("VmHWM") - before
	if limit := number(step["memoryMib"], 1<<40); grown > limit {
		return fmt.Errorf("took %.0f MiB of memory", grown)
	}
	return nil
}

// attempt makes the call of the step, or ends a held call, and checks the outcome.
func (r *runner) attempt(step map[string]any) error {
	if step["end"] != nil {
		held := r.held[text(step["end"])]
		if held == nil {
			return errors.New("no such call")
		}
		held.sendAll(list(step["send"]))
		switch step["how"] {
		case "cancel":
			held.cancel()
		case "finish":
			held.halfClose()
		}
		return r.check(step, <-held.outcome)
	}
	made, err := open(r.job.Targets, step)
	if err != nil {
		return err
	}
	if step["hold"] != nil {
		<-made.first
		r.held[text(step["hold"])] = made
		return nil
	}
	return r.check(step, <-made.outcome)
}

func (r *runner) check(step map[string]any, ended outcome) error {
	if err := fitsOutcome(step, ended); err != nil {
		return err
	}
	saves, _ := step["save"].(map[string]any)
	for name, path := range saves {
		r.vars[name] = at(ended.value, text(path))
	}
	return nil
}

// parallel makes the same call many times at once. `outcomes` limits the number of each outcome.
func (r *runner) parallel(plan map[string]any) error {
	count := int(number(plan["count"], 0))
	ends := make([]string, count)
	problems := make([]error, count)
	var all sync.WaitGroup
	for index := range count {
		all.Add(1)
		go func() {
			defer all.Done()
			ends[index], problems[index] = r.branch(plan["step"], index)
		}()
	}
	all.Wait()
	if err := errors.Join(problems...); err != nil {
		return err
	}
	outcomes := plan["outcomes"].(map[string]any)
	for _, end := range ends {
		if outcomes[end] == nil {
			return fmt.Errorf("a branch ended with %s", end)
		}
	}
	for end, limits := range outcomes {
		found := 0
		for _, each := range ends {
			if each == end {
				found++
			}
		}
		least, most, _ := strings.Cut(text(limits), "..")
		if found < int(number(least, 0)) || found > int(number(most, 0)) {
			return fmt.Errorf("%d ended with %s, not %v", found, end, limits)
		}
	}
	return nil
}

func (r *runner) branch(step any, index int) (string, error) {
	vars := maps.Clone(r.vars)
	vars["i"] = strconv.Itoa(index)
	filled, err := fill(step, vars)
	if err != nil {
		return "", err
	}
	own := filled.(map[string]any)
	made, err := open(r.job.Targets, own)
	if err != nil {
		return "", err
	}
	ended := <-made.outcome
	if ended.ok {
		return "OK", fitsOutcome(own, ended)
	}
	if reason := text(ended.value["reason"]); reason != "" {
		return reason, nil
	}
	return text(ended.value["code"]), nil
}

func (r *runner) run(step map[string]any) error {
	argv := texts(step["run"])
	output, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		return fmt.Errorf("%v: %w: %s", argv, err, output)
	}
	if name := step["saveOutput"]; name != nil {
		r.vars[text(name)] = strings.TrimSpace(string(output))
	}
	return nil
}

// spawn runs this program again in a separate process, which holds the calls of its steps until it
// is killed.
func (r *runner) spawn(step map[string]any) error {
	name := text(step["spawn"])
	inner, err := json.Marshal(map[string]any{
		"targets": r.job.Targets, "vars": r.vars, "command": r.job.Command, "child": true,
		"cases": []any{map[string]any{"case": name, "steps": step["steps"]}},
	})
	file := r.jobFile + "." + name
	if err == nil {
		err = os.WriteFile(file, inner, 0o600)
	}
	if err != nil {
		return err
	}
	argv := append(slices.Clone(r.job.Command), file)
	child := exec.Command(argv[0], argv[1:]...)
	output, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		return err
	}
	r.children[name] = child
	line := make([]byte, 4096)
	read, _ := output.Read(line)
	if said := string(bytes.TrimSpace(line[:read])); said != "ready" {
		return fmt.Errorf("the child said %q", said)
	}
	return nil
}

// memoryMib returns the value of a line of /proc/self/status, in MiB.
func memoryMib(line string) float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), line+":")
	kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kib / 1024
}
