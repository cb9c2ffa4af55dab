// Reference: Boost.Interprocess message_queue, what a C++ user would take today.
#include <boost/interprocess/ipc/message_queue.hpp>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include <unistd.h>

#include "loops.h"
#include "sides.h"

namespace ipc = boost::interprocess;

namespace {

constexpr std::size_t boost_message = 64;

const char *setup(run *r)
{
    const std::string name = "mproc-bench-" + std::to_string(getpid());
    try {
        ipc::message_queue::remove(name.c_str());
        auto queue = std::make_unique<ipc::message_queue>(ipc::create_only, name.c_str(), std::size_t{QUEUE_DEPTH},
                                                          boost_message, ipc::permissions(0600));
        // The members inherit the mapping; nothing is left behind.
        ipc::message_queue::remove(name.c_str());
        r->state = queue.release();
        return nullptr;
    } catch (const std::exception &) {
        ipc::message_queue::remove(name.c_str());
        return "Boost.Interprocess cannot make a message queue here";
    }
}

void teardown(run *r)
{
    delete static_cast<ipc::message_queue *>(r->state);
}

void queue_send(void *ctx, const void *message, std::size_t len)
{
    static_cast<ipc::message_queue *>(ctx)->send(message, len, 0);
}

void queue_receive(void *ctx, void *message, std::size_t len)
{
    ipc::message_queue::size_type received;
    unsigned priority;
    static_cast<ipc::message_queue *>(ctx)->receive(message, len, received, priority);
}

void guarded(run *r, void (*loop)(run *))
{
    try {
        loop(r);
    } catch (const std::exception &e) {
        die("Boost.Interprocess: %s", e.what());
    }
}

void body_stream(run *r)
{
    guarded(r, [](run *inner) { loop_stream(inner, inner->state, queue_send, queue_receive); });
}

void body_pair(run *r)
{
    guarded(r, [](run *inner) { loop_pair(inner, inner->state, queue_send, queue_receive); });
}

} // namespace

extern "C" const side ref_boost = {
    "Boost.Interprocess queue", 2, false, boost_message, 0, false, 0, setup, body_stream, teardown};
extern "C" const side ref_boost_pair = {
    "Boost.Interprocess queue", 1, false, boost_message, 0, false, 0, setup, body_pair, teardown};
