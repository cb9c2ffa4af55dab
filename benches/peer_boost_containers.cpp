// Reference: containers of Boost.Interprocess in managed shared memory under an interprocess_mutex, what a C++ user
// would take today. They do not survive a process that is killed.
#include <boost/functional/hash.hpp>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/deque.hpp>
#include <boost/interprocess/containers/map.hpp>
#include <boost/interprocess/containers/string.hpp>
#include <boost/interprocess/containers/vector.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/unordered_map.hpp>

#include <array>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <unistd.h>

#include "entries.h"
#include "sides.h"

namespace ipc = boost::interprocess;

namespace {

constexpr std::size_t segment_bytes = std::size_t{64} << 20;

using entry = std::array<unsigned char, ENTRY_BYTES>;

template <class T> using allocator = ipc::allocator<T, ipc::managed_shared_memory::segment_manager>;
using text = ipc::basic_string<char, std::char_traits<char>, allocator<char>>; // so short a key lies in the node
using pair = std::pair<const text, entry>;
using ordered = ipc::map<text, entry, std::less<text>, allocator<pair>>;
using unordered = boost::unordered_map<text, entry, boost::hash<text>, std::equal_to<text>, allocator<pair>>;
using vector = ipc::vector<entry, allocator<entry>>;
using deque = ipc::deque<entry, allocator<entry>>;
using numbers = ipc::vector<std::int64_t, allocator<std::int64_t>>;

// A container and what it needs, in memory that the members inherit.
template <class Container> struct shared {
    std::unique_ptr<ipc::managed_shared_memory> memory;
    ipc::interprocess_mutex *mutex;
    Container *container;
};

using guard = ipc::scoped_lock<ipc::interprocess_mutex>;

entry entry_of(std::uint64_t number)
{
    entry value{};
    message_number(value.data(), number);
    return value;
}

text text_of(const entry_key *key, ipc::managed_shared_memory *memory)
{
    return text(key->text, KEY_BYTES, memory->get_segment_manager());
}

template <class Map> void map_set(void *ctx, std::uint64_t i)
{
    auto *s = static_cast<shared<Map> *>(ctx);
    const entry_key *key = entry_key_at(i);
    const text name = text_of(key, s->memory.get());
    const entry value = entry_of(key->number);
    guard lock(*s->mutex);
    s->container->insert_or_assign(name, value);
}

template <class Map> void map_get(void *ctx, std::uint64_t i)
{
    auto *s = static_cast<shared<Map> *>(ctx);
    const entry_key *key = entry_key_at(i);
    const text name = text_of(key, s->memory.get());
    entry value;
    {
        guard lock(*s->mutex);
        const auto found = s->container->find(name);
        if (found == s->container->end())
            die("key %s is not there", key->text);
        value = found->second;
    }
    entry_check(value.data(), key->number);
}

template <class List> void list_append(void *ctx, std::uint64_t i)
{
    auto *s = static_cast<shared<List> *>(ctx);
    guard lock(*s->mutex);
    if (i % LIST_MOST == 0) {
        s->container->clear();
        s->container->shrink_to_fit();
    }
    if constexpr (std::is_same_v<List, numbers>)
        s->container->push_back(static_cast<std::int64_t>(i));
    else
        s->container->push_back(entry_of(i));
}

template <class List> void list_get(void *ctx, std::uint64_t i)
{
    auto *s = static_cast<shared<List> *>(ctx);
    const std::uint32_t number = entry_key_at(i)->number;
    entry value;
    {
        guard lock(*s->mutex);
        value = s->container->at(number);
    }
    entry_check(value.data(), number);
}

template <class Container> Container *construct(ipc::managed_shared_memory &memory)
{
    if constexpr (std::is_same_v<Container, unordered>)
        return memory.construct<Container>("container")(std::size_t{ENTRIES}, boost::hash<text>(),
                                                        std::equal_to<text>(), memory.get_segment_manager());
    else if constexpr (std::is_same_v<Container, ordered>)
        return memory.construct<Container>("container")(std::less<text>(), memory.get_segment_manager());
    else
        return memory.construct<Container>("container")(memory.get_segment_manager());
}

// `option`: how many entries it begins with.
template <class Container> const char *setup(run *r)
{
    const std::string name = "mproc-bench-containers-" + std::to_string(getpid());
    entry_keys_init();
    try {
        auto s = std::make_unique<shared<Container>>();
        ipc::shared_memory_object::remove(name.c_str());
        s->memory = std::make_unique<ipc::managed_shared_memory>(ipc::create_only, name.c_str(), segment_bytes, nullptr,
                                                                 ipc::permissions(0600));
        ipc::shared_memory_object::remove(name.c_str());
        s->mutex = s->memory->template construct<ipc::interprocess_mutex>("mutex")();
        s->container = construct<Container>(*s->memory);
        for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(r->side->option); i++) {
            if constexpr (std::is_same_v<Container, ordered> || std::is_same_v<Container, unordered>)
                map_set<Container>(s.get(), i);
            else if constexpr (!std::is_same_v<Container, numbers>)
                s->container->push_back(entry_of(i));
        }
        r->state = s.release();
        return nullptr;
    } catch (const std::exception &) {
        ipc::shared_memory_object::remove(name.c_str());
        return "Boost.Interprocess cannot make its shared memory here";
    }
}

template <class Container> void teardown(run *r)
{
    delete static_cast<shared<Container> *>(r->state);
}

template <void (*op)(void *, std::uint64_t)> void body(run *r)
{
    try {
        loop_op(r, r->state, op);
    } catch (const std::exception &e) {
        die("Boost.Interprocess: %s", e.what());
    }
}

template <void (*op)(void *, std::uint64_t)> void body_rate(run *r)
{
    try {
        loop_rate(r, r->state, op);
    } catch (const std::exception &e) {
        die("Boost.Interprocess: %s", e.what());
    }
}

template <class Container> constexpr side one(const char *name, int entries, void (*loop)(run *))
{
    return {name, 1, false, ENTRY_BYTES, entries, false, 0, setup<Container>, loop, teardown<Container>};
}

template <class Container> constexpr side two(const char *name, int entries, void (*loop)(run *))
{
    return {name, 2, true, ENTRY_BYTES, entries, false, 0, setup<Container>, loop, teardown<Container>};
}

} // namespace

extern "C" const side ref_boost_map_get = one<ordered>("Boost map", ENTRIES, body<map_get<ordered>>);
extern "C" const side ref_boost_map_set = one<ordered>("Boost map", ENTRIES, body<map_set<ordered>>);
extern "C" const side ref_boost_map_get_two = two<ordered>("Boost map", ENTRIES, body_rate<map_get<ordered>>);
extern "C" const side ref_boost_map_set_two = two<ordered>("Boost map", ENTRIES, body_rate<map_set<ordered>>);
extern "C" const side ref_boost_hash_get = one<unordered>("Boost unordered_map", ENTRIES, body<map_get<unordered>>);
extern "C" const side ref_boost_hash_set = one<unordered>("Boost unordered_map", ENTRIES, body<map_set<unordered>>);
extern "C" const side ref_boost_vector_append = one<vector>("Boost vector", 0, body<list_append<vector>>);
extern "C" const side ref_boost_vector_get = one<vector>("Boost vector", ENTRIES, body<list_get<vector>>);
extern "C" const side ref_boost_deque_append = one<deque>("Boost deque", 0, body<list_append<deque>>);
extern "C" const side ref_boost_deque_get = one<deque>("Boost deque", ENTRIES, body<list_get<deque>>);
extern "C" const side ref_boost_vector_append_int = one<numbers>("Boost vector", 0, body<list_append<numbers>>);
