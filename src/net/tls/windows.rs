//! Windows' own judgement of a chain: its stores and rules (enterprise roots, distrust, name
//! constraints), what it has cached of lists of revoked certificates, and nothing from the network
//! but an intermediate certificate that was not sent. The library that is used elsewhere has
//! Windows fetch lists of revoked certificates, which takes as long as somebody drops it.
#![expect(unsafe_code, reason = "the calls of crypt32 take structures with pointers")]

use rustls::CertificateError as C;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::io;
use std::ptr;
use std::sync::Arc;
use windows_sys::Win32::Foundation::{
    CERT_E_CN_NO_MATCH, CERT_E_EXPIRED, CERT_E_INVALID_NAME, CERT_E_REVOCATION_FAILURE,
    CERT_E_UNTRUSTEDROOT, CERT_E_WRONG_USAGE, CRYPT_E_NO_REVOCATION_CHECK,
    CRYPT_E_REVOCATION_OFFLINE, CRYPT_E_REVOKED, FILETIME, TRUST_E_CERT_SIGNATURE,
};
use windows_sys::Win32::Security::Cryptography::{
    AUTHTYPE_SERVER, CERT_CHAIN_CACHE_END_CERT, CERT_CHAIN_CONTEXT, CERT_CHAIN_PARA,
    CERT_CHAIN_POLICY_IGNORE_ALL_REV_UNKNOWN_FLAGS, CERT_CHAIN_POLICY_PARA, CERT_CHAIN_POLICY_SSL,
    CERT_CHAIN_POLICY_STATUS, CERT_CHAIN_REVOCATION_CHECK_CACHE_ONLY,
    CERT_CHAIN_REVOCATION_CHECK_END_CERT, CERT_CONTEXT, CERT_OCSP_RESPONSE_PROP_ID,
    CERT_SET_PROPERTY_IGNORE_PERSIST_ERROR_FLAG, CERT_STORE_ADD_ALWAYS,
    CERT_STORE_DEFER_CLOSE_UNTIL_LAST_FREE_FLAG, CERT_STORE_PROV_MEMORY, CERT_TRUST_IS_CYCLIC,
    CERT_TRUST_IS_NOT_SIGNATURE_VALID, CERT_TRUST_IS_PARTIAL_CHAIN, CERT_TRUST_IS_PEER_TRUSTED,
    CERT_TRUST_IS_REVOKED, CERT_TRUST_IS_UNTRUSTED_ROOT, CERT_USAGE_MATCH, CRYPT_INTEGER_BLOB,
    CTL_USAGE, CertAddEncodedCertificateToStore, CertCloseStore, CertFreeCertificateChain,
    CertFreeCertificateContext, CertGetCertificateChain, CertOpenStore,
    CertSetCertificateContextProperty, CertVerifyCertificateChainPolicy, HCERTSTORE,
    HTTPSPolicyCallbackData, USAGE_MATCH_TYPE_OR, X509_ASN_ENCODING, szOID_PKIX_KP_SERVER_AUTH,
};

/// Milliseconds for an intermediate certificate that was not sent.
const FETCH_MS: u32 = 2000;
/// Looks up the certificate in the lists of revoked ones that this machine has already.
const CACHED_REVOCATION: u32 =
    CERT_CHAIN_REVOCATION_CHECK_END_CERT | CERT_CHAIN_REVOCATION_CHECK_CACHE_ONLY;
/// `CERT_E_CHAINING`: a certificate above is missing.
const CHAINING: i32 = 0x800B_010A_u32.cast_signed();
/// Seconds between 1601 and 1970, and ticks of a file time in a second.
const SINCE_1601: u64 = 11_644_473_600;
const TICKS: u64 = 10_000_000;

/// Asks Windows.
#[derive(Debug)]
pub(super) struct System(pub Arc<CryptoProvider>);

impl ServerCertVerifier for System {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let store = Store::new()?;
        let leaf = store.add(leaf)?;
        for other in intermediates {
            store.add(other)?;
        }
        leaf.staple(ocsp)?;
        // Windows compares names as they stand.
        let name = name.to_str();
        let name = name.strip_suffix('.').unwrap_or(&name);
        let judge = |flags| Chain::build(&store, &leaf, now, flags)?.judge(name);
        let code = match judge(CACHED_REVOCATION)? {
            // A list that is not at hand is no fault of the certificate, and hides none.
            CERT_E_REVOCATION_FAILURE
            | CRYPT_E_NO_REVOCATION_CHECK
            | CRYPT_E_REVOCATION_OFFLINE => judge(0)?,
            code => code,
        };
        match code {
            0 => Ok(ServerCertVerified::assertion()),
            code => Err(Error::InvalidCertificate(meaning(code))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What a code of the policy means (winerror.h).
fn meaning(code: i32) -> C {
    match code {
        CERT_E_CN_NO_MATCH | CERT_E_INVALID_NAME => C::NotValidForName,
        CRYPT_E_REVOKED => C::Revoked,
        CERT_E_EXPIRED => C::Expired,
        CERT_E_UNTRUSTEDROOT | CHAINING => C::UnknownIssuer,
        CERT_E_WRONG_USAGE => C::InvalidPurpose,
        TRUST_E_CERT_SIGNATURE => C::BadSignature,
        code => C::Other(OtherError(Arc::new(io::Error::from_raw_os_error(code)))),
    }
}

fn last_error() -> Error {
    Error::General(io::Error::last_os_error().to_string())
}

fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or_default()
}

fn length(octets: &[u8]) -> Result<u32, Error> {
    u32::try_from(octets.len()).map_err(|_| Error::InvalidCertificate(C::BadEncoding))
}

/// A store in memory, for the certificates of one handshake.
struct Store(HCERTSTORE);

impl Store {
    fn new() -> Result<Self, Error> {
        let flags = CERT_STORE_DEFER_CLOSE_UNTIL_LAST_FREE_FLAG;
        // SAFETY: a store in memory takes no parameter.
        let store = unsafe { CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, flags, ptr::null()) };
        if store.is_null() { Err(last_error()) } else { Ok(Store(store)) }
    }

    fn add(&self, der: &[u8]) -> Result<Certificate, Error> {
        let mut context: *mut CERT_CONTEXT = ptr::null_mut();
        // SAFETY: the store is open; the octets are read during the call, and the context is ours.
        let added = unsafe {
            CertAddEncodedCertificateToStore(
                self.0,
                X509_ASN_ENCODING,
                der.as_ptr(),
                length(der)?,
                CERT_STORE_ADD_ALWAYS,
                &raw mut context,
            )
        };
        if added == 0 || context.is_null() {
            return Err(Error::InvalidCertificate(C::BadEncoding));
        }
        Ok(Certificate(context))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: it was opened here; it stays as long as one of its certificates is used.
        unsafe { CertCloseStore(self.0, 0) };
    }
}

struct Certificate(*mut CERT_CONTEXT);

impl Certificate {
    /// Gives it the OCSP response that came with it, if one did.
    fn staple(&self, ocsp: &[u8]) -> Result<(), Error> {
        if ocsp.is_empty() {
            return Ok(());
        }
        let blob = CRYPT_INTEGER_BLOB { cbData: length(ocsp)?, pbData: ocsp.as_ptr().cast_mut() };
        // SAFETY: for this property the system copies what the structure leads to, and writes
        // nothing.
        let set = unsafe {
            CertSetCertificateContextProperty(
                self.0,
                CERT_OCSP_RESPONSE_PROP_ID,
                CERT_SET_PROPERTY_IGNORE_PERSIST_ERROR_FLAG,
                (&raw const blob).cast(),
            )
        };
        if set == 0 { Err(last_error()) } else { Ok(()) }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: the context is ours, and given back once.
        unsafe { CertFreeCertificateContext(self.0) };
    }
}

struct Chain(*mut CERT_CHAIN_CONTEXT);

impl Chain {
    fn build(store: &Store, leaf: &Certificate, now: UnixTime, flags: u32) -> Result<Self, Error> {
        let mut purposes = [szOID_PKIX_KP_SERVER_AUTH.cast_mut()];
        let asked = CERT_CHAIN_PARA {
            cbSize: size::<CERT_CHAIN_PARA>(),
            RequestedUsage: CERT_USAGE_MATCH {
                dwType: USAGE_MATCH_TYPE_OR,
                Usage: CTL_USAGE {
                    cUsageIdentifier: 1,
                    rgpszUsageIdentifier: purposes.as_mut_ptr(),
                },
            },
            dwUrlRetrievalTimeout: FETCH_MS,
            ..Default::default()
        };
        let time = file_time(now);
        let mut chain = ptr::null_mut();
        // SAFETY: leaf, store, time and what is asked outlive the call; the chain is ours.
        let built = unsafe {
            CertGetCertificateChain(
                ptr::null_mut(),
                leaf.0,
                &raw const time,
                store.0,
                &raw const asked,
                CERT_CHAIN_CACHE_END_CERT | flags,
                ptr::null(),
                &raw mut chain,
            )
        };
        if built == 0 || chain.is_null() { Err(last_error()) } else { Ok(Chain(chain)) }
    }

    /// The code of the policy for servers of this name; 0 where nothing is wrong.
    fn judge(&self, name: &str) -> Result<i32, Error> {
        let mut wide: Vec<u16> = name.encode_utf16().chain([0]).collect();
        // SAFETY: the structure is plain data, for which zeros are a value.
        let mut server: HTTPSPolicyCallbackData = unsafe { std::mem::zeroed() };
        server.Anonymous.cbSize = size::<HTTPSPolicyCallbackData>();
        server.dwAuthType = AUTHTYPE_SERVER;
        server.pwszServerName = wide.as_mut_ptr();
        let asked = CERT_CHAIN_POLICY_PARA {
            cbSize: size::<CERT_CHAIN_POLICY_PARA>(),
            dwFlags: CERT_CHAIN_POLICY_IGNORE_ALL_REV_UNKNOWN_FLAGS,
            pvExtraPolicyPara: (&raw mut server).cast(),
        };
        let mut said = CERT_CHAIN_POLICY_STATUS {
            cbSize: size::<CERT_CHAIN_POLICY_STATUS>(),
            ..Default::default()
        };
        // SAFETY: all structures say their size and outlive the call.
        let done = unsafe {
            CertVerifyCertificateChainPolicy(
                CERT_CHAIN_POLICY_SSL,
                self.0,
                &raw const asked,
                &raw mut said,
            )
        };
        if done == 0 {
            return Err(last_error());
        }
        Ok(match said.dwError.cast_signed() {
            0 => self.own_fault(),
            code => code,
        })
    }

    /// The code of what the chain itself says is wrong. A policy says it too, but not every one
    /// does (that of Wine takes a chain that ends nowhere).
    fn own_fault(&self) -> i32 {
        // SAFETY: the chain is the system's own, and lives as long as this.
        let status = unsafe { (*self.0).TrustStatus };
        let has = |bits: u32| status.dwErrorStatus & bits != 0;
        // What somebody put among the trusted people needs nothing above it.
        let by_itself = status.dwInfoStatus & CERT_TRUST_IS_PEER_TRUSTED != 0;
        match () {
            () if has(CERT_TRUST_IS_REVOKED) => CRYPT_E_REVOKED,
            () if by_itself => 0,
            () if has(CERT_TRUST_IS_NOT_SIGNATURE_VALID) => TRUST_E_CERT_SIGNATURE,
            () if has(CERT_TRUST_IS_PARTIAL_CHAIN | CERT_TRUST_IS_CYCLIC) => CHAINING,
            () if has(CERT_TRUST_IS_UNTRUSTED_ROOT) => CERT_E_UNTRUSTEDROOT,
            () => 0,
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // SAFETY: the chain is ours, and given back once.
        unsafe { CertFreeCertificateChain(self.0) };
    }
}

fn file_time(now: UnixTime) -> FILETIME {
    let ticks = (now.as_secs() + SINCE_1601).saturating_mul(TICKS);
    let half = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or_default();
    FILETIME { dwLowDateTime: half(ticks), dwHighDateTime: half(ticks >> 32) }
}
