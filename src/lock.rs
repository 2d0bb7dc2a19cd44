//! Locks, and one policy for those whose holder panicked: what it holds is used as it is. All of
//! this program's are held for a few whole writes, none of which panics half-way; to give up
//! instead would turn away whoever comes later, or call nothing seen what was not looked at.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_one_holder_shuts_nobody_out() {
        let number = Mutex::new(7);
        let panicked = std::thread::scope(|threads| {
            threads
                .spawn(|| {
                    let _held = lock(&number);
                    std::panic::resume_unwind(Box::new("on purpose"));
                })
                .join()
        });
        assert!(panicked.is_err() && number.is_poisoned());
        assert_eq!(*lock(&number), 7);
    }
}
