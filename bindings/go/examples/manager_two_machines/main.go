// A server and a client on two machines: the client takes jobs from the server's queue, and puts the results into its
// dict. Both have the same key, without which nobody gets in, and with which nobody can listen.
//
//	manager_two_machines key office.key                        once; bring the file to the other machine, too
//	manager_two_machines server tcp:10.0.0.1:7000 office.key   on one
//	manager_two_machines client tcp:10.0.0.1:7000 office.key   on the other
//
// Without arguments it is the server, and starts itself as the client, on this machine. Either side can as well be the
// program of this name in C or C++.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	mproc "github.com/libmproc/libmproc/bindings/go"
)

const jobCount = 10

var forever = context.Background()

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 0:
		err = both()
	case len(args) == 2 && args[0] == "key":
		err = makeKey(args[1])
	case len(args) == 3 && args[0] == "server":
		err = server(args[1], args[2], false)
	case len(args) == 3 && args[0] == "client":
		err = client(args[1], args[2])
	default:
		fmt.Fprintf(os.Stderr, "usage: %s [key FILE | server ADDRESS FILE | client ADDRESS FILE]\n", os.Args[0])
		os.Exit(2)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func makeKey(file string) error {
	key, err := mproc.GenerateKey()
	if err != nil {
		return err
	}
	return key.Save(file)
}

func client(address, file string) error {
	key, err := mproc.LoadKey(file)
	if err != nil {
		return err
	}
	manager, err := mproc.ConnectManager(address, &mproc.ConnectOptions{Key: key})
	if err != nil {
		return err
	}
	defer manager.Close()
	line, err := mproc.OpenPipe(manager.Domain(), "line", 1, nil)
	if err != nil {
		return err
	}
	defer line.Close()
	jobs, err := mproc.OpenQueue(manager.Domain(), "jobs", nil)
	if err != nil {
		return err
	}
	defer jobs.Close()
	squares, err := mproc.OpenDict[int, int](manager.Domain(), "squares", nil)
	if err != nil {
		return err
	}
	defer squares.Close()

	done := 0
	for ; ; done++ {
		job, err := mproc.GetValue[int](forever, jobs)
		if errors.Is(err, mproc.ErrClosed) { // shut down, and empty
			break
		}
		if err != nil {
			return err
		}
		if err := squares.Set(job, job*job); err != nil {
			return err
		}
	}
	how := "in memory"
	if remote, err := jobs.IsRemote(); err != nil {
		return err
	} else if remote {
		how = "by requests"
	}
	fmt.Printf("client: %d jobs done, %s\n", done, how)
	return line.Send(forever, []byte("done"))
}

// server serves until a client has come and gone; start says that this process starts the client.
func server(listen, file string, start bool) error {
	key, err := mproc.LoadKey(file)
	if err != nil {
		return err
	}
	manager, err := mproc.StartManager(&mproc.ManagerOptions{Addresses: []string{listen}, Key: key})
	if err != nil {
		return err
	}
	defer manager.Close()
	squares, err := mproc.CreateDict[int, int](manager.Domain(), "squares", nil)
	if err != nil {
		return err
	}
	defer squares.Close()
	line, err := mproc.CreatePipeEnd(manager.Domain(), "line", 0, nil)
	if err != nil {
		return err
	}
	defer line.Close()
	jobs, err := mproc.CreateQueue(manager.Domain(), "jobs", nil)
	if err != nil {
		return err
	}
	defer jobs.Close()
	for job := range jobCount {
		if err := mproc.TryPutValue(jobs, job); err != nil {
			return err
		}
	}
	if err := jobs.Shutdown(false); err != nil {
		return err
	}
	address, err := manager.Address() // with the port, if any would do
	if err != nil {
		return err
	}
	fmt.Println("server: ready")
	if start {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		child := exec.Command(self, "client", address, file)
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Run(); err != nil {
			return fmt.Errorf("the client: %w", err)
		}
	}

	// The line ends when the client has closed it, or is gone with its connection.
	done := false
	for {
		_, err := line.Recv(forever)
		if errors.Is(err, mproc.ErrEOF) {
			break
		}
		if err != nil {
			return err
		}
		done = true
	}
	if !done {
		return errors.New("the client has gone without a word")
	}
	fmt.Print("server: the squares are")
	for job := range jobCount {
		square, err := squares.Get(job)
		if err != nil {
			return err
		}
		fmt.Print(" ", square)
	}
	fmt.Println()
	return nil
}

func both() error {
	dir, err := os.MkdirTemp("", "two-machines-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "office.key")
	if err := makeKey(file); err != nil {
		return err
	}
	return server("tcp:127.0.0.1:0", file, true)
}
