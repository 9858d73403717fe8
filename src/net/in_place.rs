//! Futures that are made where they stay.

use std::pin::Pin;

/// A future on the heap, made there. `Box::pin` makes it on the stack and then copies all of it, though nearly all of a
/// future that was not polled yet is room for later.
#[inline]
pub fn boxed<F>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    let place = Box::new_uninit();
    Box::into_pin(Box::write(place, make()))
}
