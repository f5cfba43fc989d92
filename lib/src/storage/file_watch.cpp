#include "storage/file_watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

class descriptor {
public:
    explicit descriptor(int file = -1) noexcept : file_(file) {}
    ~descriptor() {
        if (file_ >= 0) ::close(file_);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    void reset(int file) noexcept {
        if (file_ >= 0) ::close(file_);
        file_ = file;
    }
    int get() const noexcept { return file_; }
    bool valid() const noexcept { return file_ >= 0; }

private:
    int file_;
};

}  // namespace

struct file_watch::state {
    std::filesystem::path file;
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t changes = 0;
    bool started = false;
    bool watching = false;  // inotify works
    pid_t process = 0;      // that has the thread
    descriptor data;        // of the file, for the lock
    descriptor inotify;
    descriptor stop;
    std::thread thread;

    bool lock_byte(int command, short& type) noexcept;  // under the mutex
    bool others_listen() noexcept;
    void start();
    void run();
    void count_change() {
        {
            const std::scoped_lock lock(mutex);
            ++changes;
        }
        changed.notify_all();
    }
};

// A lock of the open file, not of the process: LMDB and others may close theirs.
bool file_watch::state::lock_byte(int command, short& type) noexcept {
    if (!data.valid()) {
        const low_descriptors_taken none_of_the_standard_ones;
        data.reset(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    }
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = off_t{1} << 62;
    lock.l_len = 1;
    const bool answered = data.valid() && ::fcntl(data.get(), command, &lock) == 0;
    type = lock.l_type;
    return answered;
}

bool file_watch::state::others_listen() noexcept {
    const std::scoped_lock lock(mutex);
    // Either this finds the lock, or whoever takes it from now on sees the commit. (Thread
    // sanitizers refuse std::atomic_thread_fence; other processes are beyond them anyway.)
    __sync_synchronize();
    short in_the_way = F_WRLCK;
    return !lock_byte(F_OFD_GETLK, in_the_way) || in_the_way != F_UNLCK;
}

void file_watch::state::start() {
    started = true;
    process = ::getpid();
    short shared = F_RDLCK;
    if (!lock_byte(F_OFD_SETLK, shared)) return;
    __sync_synchronize();
    inotify.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    stop.reset(::eventfd(0, EFD_CLOEXEC));
    if (!inotify.valid() || !stop.valid()) return;
    if (::inotify_add_watch(inotify.get(), file.c_str(),
                            IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF) < 0)
        return;
    watching = true;
    thread = std::thread([this] { run(); });
}

void file_watch::state::run() {
    for (;;) {
        pollfd files[] = {{inotify.get(), POLLIN, 0}, {stop.get(), POLLIN, 0}};
        if (::poll(files, 2, -1) < 0 && errno != EINTR) break;
        if (files[1].revents != 0) return;
        if (files[0].revents == 0) continue;
        alignas(inotify_event) char events[4096];
        while (::read(inotify.get(), events, sizeof events) > 0) {
        }
        count_change();
    }
    const std::scoped_lock lock(mutex);
    watching = false;
}

file_watch::file_watch(std::filesystem::path file) : state_(std::make_unique<state>()) {
    state_->file = std::move(file);
}

file_watch::~file_watch() {
    if (!state_->thread.joinable()) return;
    if (state_->process != ::getpid()) {  // a forked child has the object and not the thread
        state_->thread.detach();
        return;
    }
    const std::uint64_t one = 1;
    while (::write(state_->stop.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    state_->thread.join();
}

std::uint64_t file_watch::ticket() {
    const std::scoped_lock lock(state_->mutex);
    if (!state_->started) state_->start();
    return state_->changes;
}

void file_watch::wait(std::uint64_t ticket, std::chrono::milliseconds timeout) {
    constexpr auto unwatched = std::chrono::milliseconds(250);
    std::unique_lock lock(state_->mutex);
    if (!state_->watching) timeout = std::min(timeout, unwatched);
    state_->changed.wait_for(lock, timeout, [&] { return state_->changes != ticket; });
}

void file_watch::notify() noexcept {
    state_->count_change();
}

void file_watch::announce_commit() noexcept {
    state_->count_change();
    // The other processes. They cannot go by the writes of the commit itself: LMDB lets readers see
    // it only after the last of them. Who listens from now on will see it without being told.
    if (!state_->others_listen()) return;
    const descriptor touched(::open(state_->file.c_str(), O_WRONLY | O_CLOEXEC));
}

}  // namespace idem::storage
