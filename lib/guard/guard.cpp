// SPDX-License-Identifier: Apache-2.0
// tina::guard: stands between the program and the functions that take and give back locks, and counts, for each thread,
// those it holds. With it a handler that does not end can be abandoned also where it is busy in a library. An object of
// its own, since a program must want its locks to be counted. A count goes up before the lock is taken and down after
// it was given back, so that it is never too low.
#include <dlfcn.h>
#include <pthread.h>
#include <unwind.h>

#include <cerrno>

#include "lib/guard_hooks.hpp"

#define TINA_INTERPOSED extern "C" __attribute__((visibility("default"), used))

/// What a program names, by a linker option, to have all of this.
extern "C" const char tina_guard_wanted;
const char tina_guard_wanted = 0;

namespace {

// A thread-local of its own: the guard works on all threads, also on those that tina knows nothing of.
[[gnu::tls_model("initial-exec")]] thread_local unsigned held = 0;

unsigned locks_held() noexcept { return held; }

constexpr tina::detail::guard_hooks hooks{&locks_held};

/// The function of a name that comes after this one in the order of loading.
template <class Function>
Function* next(const char* name) noexcept {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Looked up once, before main(); by whoever locks before that, then. Not function statics: those are locks themselves.
struct functions {
    int (*mutex_lock)(pthread_mutex_t*) = nullptr;
    int (*mutex_trylock)(pthread_mutex_t*) = nullptr;
    int (*mutex_timedlock)(pthread_mutex_t*, const timespec*) = nullptr;
    int (*mutex_clocklock)(pthread_mutex_t*, clockid_t, const timespec*) = nullptr;
    int (*mutex_unlock)(pthread_mutex_t*) = nullptr;
    int (*rwlock_rdlock)(pthread_rwlock_t*) = nullptr;
    int (*rwlock_wrlock)(pthread_rwlock_t*) = nullptr;
    int (*rwlock_tryrdlock)(pthread_rwlock_t*) = nullptr;
    int (*rwlock_trywrlock)(pthread_rwlock_t*) = nullptr;
    int (*rwlock_unlock)(pthread_rwlock_t*) = nullptr;
    int (*spin_lock)(pthread_spinlock_t*) = nullptr;
    int (*spin_trylock)(pthread_spinlock_t*) = nullptr;
    int (*spin_unlock)(pthread_spinlock_t*) = nullptr;
    int (*guard_acquire)(void*) = nullptr;
    void (*guard_release)(void*) = nullptr;
    void (*guard_abort)(void*) = nullptr;
    _Unwind_Reason_Code (*raise_exception)(_Unwind_Exception*) = nullptr;
};
constinit functions real;

template <class Function>
void look_up(Function*& into, const char* name) noexcept {
    if (into == nullptr) into = next<Function>(name);
}

void look_all_up() noexcept {
    look_up(real.mutex_lock, "pthread_mutex_lock");
    look_up(real.mutex_trylock, "pthread_mutex_trylock");
    look_up(real.mutex_timedlock, "pthread_mutex_timedlock");
    look_up(real.mutex_clocklock, "pthread_mutex_clocklock");
    look_up(real.mutex_unlock, "pthread_mutex_unlock");
    look_up(real.rwlock_rdlock, "pthread_rwlock_rdlock");
    look_up(real.rwlock_wrlock, "pthread_rwlock_wrlock");
    look_up(real.rwlock_tryrdlock, "pthread_rwlock_tryrdlock");
    look_up(real.rwlock_trywrlock, "pthread_rwlock_trywrlock");
    look_up(real.rwlock_unlock, "pthread_rwlock_unlock");
    look_up(real.spin_lock, "pthread_spin_lock");
    look_up(real.spin_trylock, "pthread_spin_trylock");
    look_up(real.spin_unlock, "pthread_spin_unlock");
    look_up(real.guard_acquire, "__cxa_guard_acquire");
    look_up(real.guard_release, "__cxa_guard_release");
    look_up(real.guard_abort, "__cxa_guard_abort");
    look_up(real.raise_exception, "_Unwind_RaiseException");
}

[[gnu::constructor]] void begin() noexcept {
    look_all_up();
    // Release: partner is the acquire in the watchdog's signal handler.
    tina::detail::installed_guard.store(&hooks, std::memory_order_release);
}

/// Counts a lock that is about to be taken, and uncounts it if it was not.
template <class Take>
int take(Take&& how) noexcept {
    if (real.mutex_lock == nullptr) look_all_up();
    ++held;
    const int error = how();
    if (error != 0 && error != EOWNERDEAD) --held;
    return error;
}

void given_back() noexcept {
    // A lock that was taken before the guard was there, or by another thread, was not counted here.
    if (held > 0 && --held == 0) tina::detail::end_if_overdue();
}

template <class Give>
int give_back(Give&& how) noexcept {
    if (real.mutex_lock == nullptr) look_all_up();
    const int error = how();
    if (error == 0) given_back();
    return error;
}

}  // namespace

TINA_INTERPOSED int pthread_mutex_lock(pthread_mutex_t* lock) noexcept {
    return take([&] { return real.mutex_lock(lock); });
}
TINA_INTERPOSED int pthread_mutex_trylock(pthread_mutex_t* lock) noexcept {
    return take([&] { return real.mutex_trylock(lock); });
}
TINA_INTERPOSED int pthread_mutex_timedlock(pthread_mutex_t* lock, const timespec* until) noexcept {
    return take([&] { return real.mutex_timedlock(lock, until); });
}
TINA_INTERPOSED int pthread_mutex_clocklock(pthread_mutex_t* lock, clockid_t clock, const timespec* until) noexcept {
    return take([&] { return real.mutex_clocklock(lock, clock, until); });
}
TINA_INTERPOSED int pthread_mutex_unlock(pthread_mutex_t* lock) noexcept {
    return give_back([&] { return real.mutex_unlock(lock); });
}
TINA_INTERPOSED int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
    return take([&] { return real.rwlock_rdlock(lock); });
}
TINA_INTERPOSED int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
    return take([&] { return real.rwlock_wrlock(lock); });
}
TINA_INTERPOSED int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) noexcept {
    return take([&] { return real.rwlock_tryrdlock(lock); });
}
TINA_INTERPOSED int pthread_rwlock_trywrlock(pthread_rwlock_t* lock) noexcept {
    return take([&] { return real.rwlock_trywrlock(lock); });
}
TINA_INTERPOSED int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
    return give_back([&] { return real.rwlock_unlock(lock); });
}
TINA_INTERPOSED int pthread_spin_lock(pthread_spinlock_t* lock) noexcept {
    return take([&] { return real.spin_lock(lock); });
}
TINA_INTERPOSED int pthread_spin_trylock(pthread_spinlock_t* lock) noexcept {
    return take([&] { return real.spin_trylock(lock); });
}
TINA_INTERPOSED int pthread_spin_unlock(pthread_spinlock_t* lock) noexcept {
    return give_back([&] { return real.spin_unlock(lock); });
}

// The lock of a static variable that is being initialised: 1 says that the caller is to do it, and has the lock.
TINA_INTERPOSED int __cxa_guard_acquire(void* lock) noexcept {  // NOLINT: the name is the C++ ABI's
    if (real.guard_acquire == nullptr) look_all_up();
    ++held;
    const int mine = real.guard_acquire(lock);
    if (mine == 0) --held;
    return mine;
}
TINA_INTERPOSED void __cxa_guard_release(void* lock) noexcept {  // NOLINT: see above
    real.guard_release(lock);
    given_back();
}
TINA_INTERPOSED void __cxa_guard_abort(void* lock) noexcept {  // NOLINT: see above
    real.guard_abort(lock);
    given_back();
}

// An exception looks at the return addresses on the stack: none may be diverted then. An activation ends instead when
// the exception has been caught.
TINA_INTERPOSED _Unwind_Reason_Code _Unwind_RaiseException(_Unwind_Exception* thrown) {  // NOLINT: see above
    if (real.raise_exception == nullptr) look_all_up();
    tina::detail::undo_diverted_return();
    return real.raise_exception(thrown);
}
