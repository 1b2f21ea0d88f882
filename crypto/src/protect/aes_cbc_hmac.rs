//! AES-CBC with HMAC, encrypt then MAC. RFC 3602, RFC 4868, RFC 2404, RFC 4303 §3.3.2.1.
//!
//! The MAC covers what is in front of the IV, the IV, the ciphertext, and the unsent tail.

use aes::{Aes128, Aes192, Aes256};
#[cfg(feature = "aws-lc")]
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use cbc::cipher::consts::U16;
use cbc::cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser,
    InnerIvInit, KeyInit,
};

use super::{OpenError, SealError};
use crate::backend::Backend;
use crate::constant_time_eq;
use crate::integ::{Integ, MAX_ICV};
use crate::transform::IntegId;

pub(super) struct AesCbcHmac {
    cipher: Cipher,
    integ: Integ,
}

#[expect(clippy::large_enum_variant, reason = "one per SA, behind a Box of its owner")]
enum Cipher {
    #[cfg(feature = "aws-lc")]
    Fast {
        encrypting: EncryptingKey,
        decrypting: DecryptingKey,
    },
    Pure128(Aes128),
    Pure192(Aes192),
    Pure256(Aes256),
}

impl AesCbcHmac {
    /// `None` for keys of no length the algorithms take.
    pub(super) fn new(encr_key: &[u8], integ: IntegId, integ_key: &[u8], backend: Backend) -> Option<Self> {
        let cipher = match (backend, encr_key.len()) {
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, 16) => Cipher::fast(&AES_128, encr_key)?,
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, 24) => Cipher::fast(&AES_192, encr_key)?,
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, 32) => Cipher::fast(&AES_256, encr_key)?,
            (_, 16) => Cipher::Pure128(Aes128::new_from_slice(encr_key).ok()?),
            (_, 24) => Cipher::Pure192(Aes192::new_from_slice(encr_key).ok()?),
            (_, 32) => Cipher::Pure256(Aes256::new_from_slice(encr_key).ok()?),
            _ => return None,
        };
        Some(Self { cipher, integ: Integ::new(integ, integ_key, backend).ok()? })
    }

    pub(super) fn seal(
        &self,
        iv: &[u8; 16],
        head: &[u8],
        text: &mut [u8],
        tail: &[u8],
        icv: &mut [u8],
    ) -> Result<(), SealError> {
        self.cipher.encrypt(iv, text)?;
        let mut full = [0; MAX_ICV];
        icv.copy_from_slice(self.integ.mac(&[head, iv, text, tail], &mut full));
        Ok(())
    }

    pub(super) fn open(
        &self,
        iv: &[u8],
        head: &[u8],
        text: &mut [u8],
        tail: &[u8],
        icv: &[u8],
    ) -> Result<(), OpenError> {
        let mut full = [0; MAX_ICV];
        if !constant_time_eq(self.integ.mac(&[head, iv, text, tail], &mut full), icv) {
            return Err(OpenError::BadIcv);
        }
        self.cipher.decrypt(iv.try_into().map_err(|_| OpenError::Length)?, text)
    }
}

impl Cipher {
    #[cfg(feature = "aws-lc")]
    fn fast(algorithm: &'static aws_lc_rs::cipher::Algorithm, key: &[u8]) -> Option<Self> {
        Some(Self::Fast {
            encrypting: EncryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?,
            decrypting: DecryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?,
        })
    }

    fn encrypt(&self, iv: &[u8; 16], text: &mut [u8]) -> Result<(), SealError> {
        match self {
            #[cfg(feature = "aws-lc")]
            Self::Fast { encrypting, .. } => encrypting
                .less_safe_encrypt(text, EncryptionContext::Iv128((*iv).into()))
                .map(drop)
                .map_err(|_| SealError::Length),
            Self::Pure128(cipher) => {
                cbc_encrypt(cipher, iv, text);
                Ok(())
            }
            Self::Pure192(cipher) => {
                cbc_encrypt(cipher, iv, text);
                Ok(())
            }
            Self::Pure256(cipher) => {
                cbc_encrypt(cipher, iv, text);
                Ok(())
            }
        }
    }

    fn decrypt(&self, iv: &[u8; 16], text: &mut [u8]) -> Result<(), OpenError> {
        match self {
            #[cfg(feature = "aws-lc")]
            Self::Fast { decrypting, .. } => decrypting
                .decrypt(text, DecryptionContext::Iv128((*iv).into()))
                .map(drop)
                .map_err(|_| OpenError::Length),
            Self::Pure128(cipher) => {
                cbc_decrypt(cipher, iv, text);
                Ok(())
            }
            Self::Pure192(cipher) => {
                cbc_decrypt(cipher, iv, text);
                Ok(())
            }
            Self::Pure256(cipher) => {
                cbc_decrypt(cipher, iv, text);
                Ok(())
            }
        }
    }
}

/// The caller has made sure that `text` is in whole blocks.
fn cbc_encrypt<C>(cipher: &C, iv: &[u8; 16], text: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let (blocks, _) = Block::<C>::slice_as_chunks_mut(text);
    cbc::Encryptor::inner_iv_init(cipher, iv.into()).encrypt_blocks(blocks);
}

/// The caller has made sure that `text` is in whole blocks.
fn cbc_decrypt<C>(cipher: &C, iv: &[u8; 16], text: &mut [u8])
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    let (blocks, _) = Block::<C>::slice_as_chunks_mut(text);
    cbc::Decryptor::inner_iv_init(cipher, iv.into()).decrypt_blocks(blocks);
}
