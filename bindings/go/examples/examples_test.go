// Package examples holds programs to copy from, and the test that runs them.
package examples

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

// What each program prints, as a regular expression.
var outputs = map[string]string{
	"value_and_array": `3\.1415927\n\[0, -1, -2, -3, -4, -5, -6, -7, -8, -9\]\n`,
	"queue_worker":    `Received from worker: Data from worker\n`,
	"race_counter":    `Unsafe final value: ([1-9]|[1-9][0-9]|100)\nSafe final value: 100\n`,
	"increments": `Incremented to 1\nIncremented to 2\nIncremented to 3\nIncremented to 4\nIncremented to 5\n` +
		`Final shared number: 5\n`,
	"spawn_worker": `Received from worker: Hello from the spawned worker\nTotal after worker: 42\n`,
	"pipe_worker":  `Received from worker: Data from worker\n`,
	"glider":       `48 generations by 3 processes: the glider is back\n`,
	"job_pool":     `200 jobs done, 5 workers killed\n`,

	"manager_dict_list": `\{1: '1', '2': 2, 0\.25: None\}\n\[9, 8, 7, 6, 5, 4, 3, 2, 1, 0\]\n`,
	"manager_list":      `Shared list after worker modification: \['Data from worker'\]\n`,
	"manager_procedure": `2 of 3 workers have finished; text is refused: yes\n` +
		`\{"count":300,"least":0,"most":299,"mean":149\.5\}\n`,
	"manager_two_machines": `server: ready\nclient: 10 jobs done, by requests\n` +
		`server: the squares are 0 1 4 9 16 25 36 49 64 81\n`,

	"select_queues": `4000 messages came through 100 queues\n`,
	"word_count":    `lines \[1 2 3 4\]: 16 words, 8 different, most often "fish": 8\n`,
}

func TestExamples(t *testing.T) {
	for name, want := range outputs {
		t.Run(name, func(t *testing.T) {
			before := leftovers(t)
			prints(t, want, build(t, name), "")
			if after := leftovers(t); after > before {
				t.Errorf("%d domains were left behind", after-before)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "mproc-example-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	writer, reader := build(t, "named_writer"), build(t, "named_reader")
	for range 2 {
		prints(t, `wrote 42\n`, writer, dir)
		prints(t, `wrote 42\n`, writer, dir)
		prints(t, `read 42\n`, reader, dir)
	}
	if err := mproc.RemoveDomain(dir); err != nil {
		t.Error(err)
	}
}

func TestEveryExampleIsRun(t *testing.T) {
	programs, err := filepath.Glob("*/main.go")
	if err != nil || len(programs) != len(outputs)+2 {
		t.Errorf("%d programs, %d outputs and the named pair (%v)", len(programs), len(outputs), err)
	}
}

func build(t *testing.T, name string) (program string) {
	program = filepath.Join(t.TempDir(), name)
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func prints(t *testing.T, want, program, domain string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, program)
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGQUIT) } // hung: say where
	run.WaitDelay = 5 * time.Second
	if domain != "" {
		run.Env = append(os.Environ(), "MPROC_DOMAIN="+domain)
	}
	run.Stderr = os.Stderr
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !regexp.MustCompile(`\A` + want + `\z`).Match(out) {
		t.Fatalf("printed\n%s", out)
	}
}

func leftovers(t *testing.T) int {
	dirs, err := filepath.Glob("/dev/shm/mproc-example-*")
	if err != nil {
		t.Fatal(err)
	}
	return len(dirs)
}
