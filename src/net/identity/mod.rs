//! The certificate and key with which a listener shows itself.

mod chain;
mod error;
mod files;

pub use chain::Identity;
pub use error::IdentityError;
pub use files::certificates;

#[cfg(test)]
mod tests;
