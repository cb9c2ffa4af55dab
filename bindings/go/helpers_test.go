package mproc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long anything may take before it counts as hung. It asserts nothing about speed.
const patience = 60 * time.Second

var bg = context.Background()

// The helper processes are this test binary again, told by the environment which part to play.
const roleVariable = "MPROC_TEST_ROLE"

func TestMain(m *testing.M) {
	if name := os.Getenv(roleVariable); name != "" {
		role, ok := roles[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such role:", name)
			os.Exit(2)
		}
		// A helper must not outlive the test: its standard input ends when the test does.
		go func() {
			for in := bufio.NewScanner(os.Stdin); in.Scan(); {
				told <- in.Text()
			}
			os.Exit(3)
		}()
		role()
		os.Exit(0)
	}
	debug.SetTraceback("all")
	code := m.Run()
	if left := domains.list(); len(left) != 0 {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		domains.removeAll()
		code = 1
	}
	os.Exit(code)
}

// told is what the test says to a helper.
var told = make(chan string)

// domains are the directories of the tests that run, so that a hung test leaves none.
var domains domainList

type domainList struct {
	mu   sync.Mutex
	dirs []string
}

func (l *domainList) add(dir string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirs = append(l.dirs, dir)
}

func (l *domainList) list() (left []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, dir := range l.dirs {
		if _, err := os.Lstat(dir); err == nil {
			left = append(left, dir)
		}
	}
	return left
}

func (l *domainList) removeAll() {
	for _, dir := range l.list() {
		os.RemoveAll(dir)
	}
}

// hung ends the whole test run and says where everybody is.
func hung(what string) {
	fmt.Fprintf(os.Stderr, "HUNG: %s\n", what)
	pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
	domains.removeAll()
	os.Exit(2)
}

// watch makes the test end with a report if it has not ended by itself.
func watch(t testing.TB) {
	t.Helper()
	timer := time.AfterFunc(patience, func() { hung(t.Name()) })
	t.Cleanup(func() { timer.Stop() })
}

// newDomain is a private domain that must be empty of users and removable when the test ends.
func newDomain(t testing.TB) (*Domain, string) {
	t.Helper()
	watch(t)
	dir, err := os.MkdirTemp("/dev/shm", "mproc-gotest-")
	must(t, err)
	domains.add(dir)
	d := open(t, dir)
	t.Cleanup(func() {
		must(t, d.Close())
		if err := RemoveDomain(dir); err != nil {
			t.Errorf("the domain cannot be removed: %v", err)
		}
		if files, err := os.ReadDir(dir); err == nil {
			t.Errorf("left in the domain: %v", files)
			os.RemoveAll(dir)
		}
	})
	return d, dir
}

func open(t testing.TB, dir string) *Domain {
	t.Helper()
	d, err := OpenDomain(&DomainOptions{Path: dir})
	must(t, err)
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got is for (value, error) pairs.
func got[T comparable](t testing.TB, want T) func(have T, err error) {
	t.Helper()
	return func(have T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if have != want {
			t.Fatalf("got %v, want %v", have, want)
		}
	}
}

// fails is for anything that must end with an error.
func fails(t testing.TB, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Fatalf("got %v, want an error that is %v", err, w)
		}
	}
}

// eventually waits until something has come about; the watchdog says if it never does.
func eventually(t testing.TB, come func() bool) {
	t.Helper()
	for !come() {
		time.Sleep(200 * time.Microsecond)
	}
}

// second drops the result of a call.
func second(_ any, err error) error { return err }

// closing closes an object when the test ends.
func closing[C io.Closer](t testing.TB) func(c C, err error) C {
	t.Helper()
	return func(c C, err error) C {
		t.Helper()
		must(t, err)
		t.Cleanup(func() { must(t, c.Close()) })
		return c
	}
}

// helper is a process that plays a role.
type helper struct {
	t    testing.TB
	role string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// start starts a helper in the domain. It is killed when the test ends, if it still runs.
func start(t testing.TB, dir, role string, args ...string) *helper {
	t.Helper()
	return startWith(t, dir, nil, role, args...)
}

// startWith is start that gives the helper handles.
func startWith(t testing.TB, dir string, handles map[string]*Handle, role string, args ...string) *helper {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	h := &helper{t: t, role: role, cmd: exec.Command(self, args...)}
	h.cmd.Env = append(slices.Clone(os.Environ()), roleVariable+"="+role, "MPROC_DOMAIN="+dir)
	h.cmd.Stderr = os.Stderr
	h.in, err = h.cmd.StdinPipe()
	must(t, err)
	out, err := h.cmd.StdoutPipe()
	must(t, err)
	h.out = bufio.NewReader(out)
	done, err := PassTo(h.cmd, handles)
	must(t, err)
	defer done()
	must(t, h.cmd.Start())
	t.Cleanup(func() {
		if h.cmd.ProcessState == nil {
			h.kill()
		}
	})
	return h
}

// line waits for the next line that the helper says.
func (h *helper) line() string {
	h.t.Helper()
	text, err := h.out.ReadString('\n')
	if err != nil {
		h.t.Fatalf("helper %s said nothing: %v", h.role, err)
	}
	return strings.TrimSuffix(text, "\n")
}

func (h *helper) says(want string) {
	h.t.Helper()
	if have := h.line(); have != want {
		h.t.Fatalf("helper %s said %q, not %q", h.role, have, want)
	}
}

// tell lets a helper go on that waits for told.
func (h *helper) tell() {
	h.t.Helper()
	_, err := io.WriteString(h.in, "go on\n")
	must(h.t, err)
}

// ends waits for the helper's own successful end.
func (h *helper) ends() {
	h.t.Helper()
	if err := h.cmd.Wait(); err != nil {
		h.t.Fatalf("helper %s: %v", h.role, err)
	}
}

// kill is SIGKILL, and waits until the process is gone.
func (h *helper) kill() {
	h.cmd.Process.Kill()
	h.cmd.Wait()
}

// checked ends a helper that failed; need does, and gives the result.
func checked(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "helper", os.Getenv(roleVariable)+":", err)
		os.Exit(1)
	}
}

func need[T any](result T, err error) T {
	checked(err)
	return result
}

// forever is for helpers that wait to be killed.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}
