package mproc

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/libmproc/libmproc/bindings/go/internal/cmproc"
)

func TestStatusesHaveNamesAndWords(t *testing.T) {
	names := map[Status]string{
		ErrInvalid: "EINVAL", ErrTimeout: "ETIMEDOUT", ErrCanceled: "ECANCELED", ErrClosed: "ECLOSED",
		ErrMessageSize: "EMSGSIZE", ErrTooBig: "E2BIG", ErrExist: "EEXIST", ErrNotExist: "ENOENT", ErrKind: "EKIND",
		ErrType: "ETYPE", ErrRange: "ERANGE", ErrNotHolder: "EPERM", ErrAccess: "EACCES", ErrNoSpace: "ENOSPC",
		ErrNoMemory: "ENOMEM", ErrBusy: "EBUSY", ErrCorrupt: "ECORRUPT", ErrVersion: "EVERSION", ErrDomain: "EDOMAIN",
		ErrName: "ENAME", ErrSlots: "ESLOTS", ErrNotSupported: "ENOTSUP", ErrSys: "ESYS", ErrPanic: "EPANIC",
		ErrStale: "ESTALE", ErrPipe: "EPIPE", ErrEOF: "EOF", ErrInterrupted: "EINTR", ErrBroken: "EBROKEN",
		ErrOverflow: "EOVERFLOW", ErrFull: "EFULL", ErrChanged: "ECHANGED",
		ErrConnection: "ECONNECTION", ErrAuth: "EAUTH", ErrProtocol: "EPROTOCOL", ErrQuota: "EQUOTA",
		ErrFenced: "EFENCED",
	}
	words := make(map[string]Status)
	for s, name := range names {
		if s.String() != "MPROC_"+name {
			t.Errorf("%d is called %s, want MPROC_%s", int32(s), s.String(), name)
		}
		text := s.Error()
		if other, taken := words[text]; taken || !strings.HasPrefix(text, "mproc: ") {
			t.Errorf("%v says %q, as does %v", s.String(), text, other.String())
		}
		words[text] = s
	}
	// Every status the library knows has a constant here: the numbers have no gaps.
	for n := int32(-1); ; n-- {
		if cmproc.StatusName(n) == "MPROC_UNKNOWN" {
			if int(-n)-1 != len(names) {
				t.Errorf("the library has %d failures, this package knows %d", -n-1, len(names))
			}
			break
		}
	}
}

func TestErrorIsWhatItMeans(t *testing.T) {
	e := &cmproc.Error{Status: int32(ErrSys), Errno: int32(syscall.EMFILE)}
	copy(e.Message[:], "open /x: too many open files\x00rubbish")
	err := error(failure(int32(ErrSys), e))
	fails(t, err, ErrSys, syscall.EMFILE)
	if errors.Is(err, ErrTimeout) || errors.Is(err, syscall.ENOENT) {
		t.Error("matches what it is not")
	}
	var full *Error
	if !errors.As(err, &full) || full.Errno != syscall.EMFILE || full.Message != "open /x: too many open files" {
		t.Errorf("%#v", full)
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) || errno != syscall.EMFILE {
		t.Error("the errno cannot be had")
	}
	if err.Error() != "mproc: open /x: too many open files" {
		t.Error(err)
	}
	if (&Error{Status: ErrBusy}).Error() != ErrBusy.Error() {
		t.Error("an error without a message does not speak for its status")
	}
	for status, std := range map[Status]error{
		ErrExist: fs.ErrExist, ErrNotExist: fs.ErrNotExist, ErrAccess: fs.ErrPermission, ErrInvalid: fs.ErrInvalid,
		ErrNotSupported: errors.ErrUnsupported, ErrTimeout: os.ErrDeadlineExceeded, ErrEOF: io.EOF,
		ErrPipe: syscall.EPIPE, ErrInterrupted: syscall.EINTR,
	} {
		fails(t, &Error{Status: status}, status, std)
		if errors.Is(ErrBusy, std) {
			t.Errorf("ErrBusy is %v", std)
		}
	}
	fails(t, ErrClosedHandle, os.ErrClosed)
}

func TestContextErrors(t *testing.T) {
	why := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(bg)
	cancel(why)
	fails(t, contextError(ctx), ErrCanceled, context.Canceled, why)

	late, stop := context.WithTimeout(bg, 0)
	defer stop()
	err := contextError(late)
	fails(t, err, ErrTimeout, context.DeadlineExceeded)
	if timeout, ok := err.(interface{ Timeout() bool }); !ok || !timeout.Timeout() {
		t.Error("a timeout does not say so")
	}
}

func TestVersions(t *testing.T) {
	if Version() == "" || ABIVersion() != BuiltForABI || LayoutVersion() == 0 {
		t.Errorf("version %q, ABI %d (built for %d), layout %d", Version(), ABIVersion(), BuiltForABI, LayoutVersion())
	}
}
