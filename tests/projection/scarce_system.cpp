#include "scarce_system.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <limits>
#include <utility>

struct MDB_env;
struct MDB_txn;

namespace scarce_system {
namespace {

constexpr int unlimited = std::numeric_limits<int>::max();
std::atomic<int> threads_granted = unlimited;
std::atomic<int> threads_refused = 0;
std::atomic<int> transactions_left = 0;  // until the act, which is at 1
std::function<void()> act_before;

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool refuses_thread() {
    if (threads_granted == unlimited || threads_granted-- > 0) return false;
    threads_granted = 0;
    ++threads_refused;
    return true;
}

void before_next_transaction() {
    if (transactions_left == 0 || --transactions_left > 0) return;
    act_before();
}

}  // namespace

thread_limit::thread_limit(int granted) {
    threads_refused = 0;
    threads_granted = granted;
}
thread_limit::~thread_limit() {
    threads_granted = unlimited;
}
int thread_limit::refused() const {
    return threads_refused;
}

before_transaction::before_transaction(int n, std::function<void()> act) {
    act_before = std::move(act);
    transactions_left = n;
}
before_transaction::~before_transaction() {
    transactions_left = 0;
}
bool before_transaction::happened() const {
    return transactions_left == 0;
}

}  // namespace scarce_system

extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) noexcept {
    using namespace scarce_system;
    if (refuses_thread()) return EAGAIN;
    static const auto real = next<decltype(&pthread_create)>("pthread_create");
    return real(thread, attributes, run, argument);
}

int mdb_txn_begin(MDB_env* env, MDB_txn* parent, unsigned flags, MDB_txn** txn) {
    using namespace scarce_system;
    before_next_transaction();
    static const auto real = next<decltype(&mdb_txn_begin)>("mdb_txn_begin");
    return real(env, parent, flags, txn);
}

}  // extern "C"
