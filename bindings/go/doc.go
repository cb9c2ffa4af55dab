// Package mproc shares state between processes: a [Value], an [Array], a [Queue], a [Pipe], containers of anything
// ([Dict], [List], [Namespace]), and what keeps processes apart or together ([Lock], [RLock], [RWLock], [Semaphore],
// [Condition], [Event], [Barrier]), that programs in Go, C, C++ and other languages use together at memory speed, and
// that stay correct when any of the processes is killed with SIGKILL at any instant. It is a thin layer over the C
// library libmproc and adds no semantics of its own; include/mproc.h is the full reference.
//
// # Sharing
//
// Objects are shared by name within a [Domain], a directory on tmpfs. Passing a nil *Domain means the
// default one: the directory in the environment variable MPROC_DOMAIN, else /dev/shm/mproc-<euid>. One
// process creates an object, the others open it:
//
//	counter, err := mproc.CreateValue[int64](nil, "counter", 0, nil)
//	counter, err := mproc.OpenValue[int64](nil, "counter", nil)
//
// Name and memory vanish with the last process that uses an object, unless it was made with Persist.
// An empty name makes an anonymous object. Other processes get it, as any object, by a [Handle] from its
// Export method: [PassTo] gives handles to a program that this one starts, which takes them with [Inherited], and
// [Handle.SendTo] sends one through a unix socket to [RecvHandle]. [ImportValue] and the like then open the object.
//
// # Goroutines
//
// Every method may be called from any goroutine at any time. A lock is held by the process, never by a
// thread or a goroutine, so it does not matter that goroutines move between threads: one goroutine may
// lock and another unlock. Locks are not recursive, and they keep the goroutines of one process apart
// just as they do processes. A goroutine that waits in the library occupies a thread while it does, except on a queue
// or pipe made with Pollable: there it is parked in the runtime's netpoller, as on a socket, and thousands can wait.
//
// [Wait] waits for any of many objects at once; a value is waited for by [Value.Wait] and [Value.Notify].
//
// An [RLock] is recursive, and so has to know who comes again. In other languages that is a thread, here it is whoever
// has the same [Token]: pass it to the functions that take the lock once more, beside the context. The lock of a
// [Condition] is one, too, unless the condition is bound to a Lock.
//
//	owner := mproc.NewToken()
//	err := lock.With(ctx, owner, func(recovered bool) error { return save(ctx, owner) }) // save takes it, too
//
// # Contexts
//
// Everything that waits takes a [context.Context]. A context that is done already ends the call before
// it does anything. Its deadline becomes the timeout of the wait; its cancellation ends the wait
// promptly. The error then matches both [context.Canceled] and [ErrCanceled], or both
// [context.DeadlineExceeded] and [ErrTimeout]. A context that can never be cancelled, such as
// [context.Background], costs nothing. A call with a cancellable one registers with it, which takes about as
// long as making such a context; a context that is used again and again on a handle stays registered.
//
// Signals do not end a wait: Go hands them to channels, from where [os/signal.NotifyContext] ends it.
//
// # A holder that dies
//
// When a process dies while it holds a lock, the next one gets it, and is told: Lock returns recovered ==
// true with a nil error. The lock is sound and held; what it protects may be half done. Check and repair
// it, then go on as usual. A writer that dies in a [RWLock] is told to everybody until another writer has unlocked;
// a reader that dies is simply gone. A [Semaphore] with Accounting gets back the permits of the dead, and tells whoever
// noticed. A [Barrier] breaks when a party dies, and a notification of a [Condition] passes on to the next.
//
// Messages under work are as safe: what a process has taken from a queue by [Queue.Lease] or [Queue.Peek], or from a
// pipe by [Pipe.Peek], and not yet acknowledged or released, goes to the next one when it dies, marked as
// Redelivered. What it has reserved and not yet committed is dropped. [Queue.Join] sees that work is done, and tells
// when some of it died with its process. A pipe whose other end died gives [ErrEOF], and so [io.EOF]; a queue whose
// last [Queue.Producer] died gives [ErrClosed]. Deaths are noticed within about 100 ms.
//
// # Containers
//
// A [Dict], a [List] and a [Namespace] hold values of any type: scalars, strings, bytes, and slices, maps and structs of
// them, which are stored as a whole; [Pack] says how. Every operation is atomic. Containers can be inside each other, in
// the same memory, and are then changed where they are:
//
//	users, err := mproc.CreateDict[string, any](nil, "users", nil) // elsewhere: mproc.OpenDict
//	err = users.Set("ann", mproc.NewDict())
//	ann, err := mproc.DictAt[string, int](users, "ann")
//	visits, err := ann.Add("visits", 1)
//	for key, value := range users.All(&err) { ... } // err says whether it went to the end
//
// The same values go through queues and pipes with [PutValue], [GetValue], [SendValue] and [RecvValue]; [ToJSON] writes
// any of it as JSON.
//
// # In place
//
// [Queue.Reserve] and [Pipe.Reserve] give room in shared memory to write a message to, [Queue.Peek] and [Pipe.Peek] a
// message to read where it is: nothing is copied.
//
//	frame, err := pipe.Reserve(ctx, 4<<20)            // message, err := pipe.Peek(ctx)
//	n := render(frame.Bytes())                        // show(message.Bytes())
//	err = frame.Commit(n)                             // err = message.Release()
//
// # Managers
//
// A [Manager] is a server that has objects for many processes: those of this machine, which get the memory itself by a
// unix socket, and those of others, which send requests through tcp, encrypted and only with the [Key]. The same types
// and functions serve for both: pass [Manager.Domain] where otherwise a domain of this machine stands.
//
//	server, err := mproc.StartManager(&mproc.ManagerOptions{
//		Addresses: []string{"unix:/run/app/shared", "tcp:0.0.0.0:7000"}, Key: key,
//	})
//	// anywhere else:
//	manager, err := mproc.ConnectManager("tcp:server:7000", &mproc.ConnectOptions{Key: key})
//	users, err := mproc.OpenDict[string, any](manager.Domain(), "users", nil)
//
// [Manager.Register] and [Manager.Call] run functions in the server. A [Batch] sends many operations at a time. Who
// holds a lock may be cut off from the manager and not know it: what the lock protects is then done under a
// [FencingToken].
//
// # Closing
//
// Close ends a handle at once: calls that wait on it return [ErrClosedHandle], later calls do too, and
// closing again does nothing. A handle that becomes unreachable is closed by the garbage collector some
// time later, except when direct memory was handed out ([Array.Slice], [Value.Pointer]): the collector
// cannot see who still uses such memory, so it is then left mapped until Close is called or the process
// ends. The same goes for a [Reservation] or [Message] that was not ended. After an explicit Close that memory must
// not be touched any more, as with a memory mapping that was unmapped; [Array.View] and [Message.View] avoid the
// question.
package mproc
