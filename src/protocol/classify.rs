//! What those who answered on a hop say of themselves, read off what was seen by the protocol that
//! was spoken. Facts become words here, and not yet a verdict.

use super::list::{Protocol, protocols};
use super::speaker::Said;
use crate::observation::Observation;

macro_rules! dispatch {
    ($(
        $(#[doc = $doc:literal])+
        $folder:ident $application:ident, proof $proof:ident {
            $($name:ident $word:literal $security:ident over $transport:ident: $says:literal),+
        }
    )+) => {
        /// What was said on a hop of that protocol.
        pub fn said(protocol: Protocol, seen: &Observation) -> Said<'_> {
            match protocol {
                $($(Protocol::$name)|+ => super::$folder::classify::said(seen),)+
            }
        }
    };
}
protocols!(dispatch);
