//! Locks that go on after a panic.
//!
//! A thread that panicked while it held one has shown a bug, which is logged where it was. What is
//! behind our locks is whole between any two statements, so what others do with it need not end as well.

use std::sync::{LockResult, Mutex, MutexGuard, PoisonError};

/// Locks, whatever became of who held it before.
pub fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    unpoisoned(mutex.lock())
}

/// What a lock or a wait gives, whatever became of who held it before.
pub fn unpoisoned<T>(result: LockResult<T>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_leaves_the_lock_usable() {
        let mutex = Mutex::new(1);
        let holder = std::thread::scope(|scope| {
            let failing = || {
                let _held = locked(&mutex);
                panic!("as a bug may");
            };
            scope.spawn(failing).join()
        });
        assert!(holder.is_err() && mutex.is_poisoned());
        *locked(&mutex) += 1;
        assert_eq!(*locked(&mutex), 2);
    }
}
