//! An allocator that counts, so that "no allocation per packet" is a number a test can read, and that
//! wipes what a thread with secrets frees.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::mem::MaybeUninit;

use zeroize::Zeroize as _;

/// The system's allocator, counting the allocations of each thread. The binary installs it with
/// `#[global_allocator]`; the cost is one increment of a thread-local.
#[derive(Debug, Default, Clone, Copy)]
pub struct CountingAllocator;

thread_local! {
    // const and without Drop: touching it neither allocates nor registers anything.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static WIPES: Cell<bool> = const { Cell::new(false) };
}

/// Allocations of the calling thread so far; 0 for ever where another allocator is installed.
pub fn thread_allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// From here on whatever the calling thread frees is overwritten first. Parsers and serializers keep
/// copies of what they read (of a TOML file with a syntax error: all of it) and of what they write,
/// and pre-shared keys with it; they cannot be asked to wipe them, but their memory comes back here.
///
/// Not reached are the stack, the kernel's buffers of sockets and files, and the arguments and the
/// environment of the process.
pub fn wipe_what_this_thread_frees() {
    WIPES.with(|wipes| wipes.set(true));
}

fn wipes() -> bool {
    // Without its locals a thread is all but over, and its last word was to no secret.
    WIPES.try_with(Cell::get).unwrap_or(false)
}

fn count() {
    // A thread that is being torn down may have lost its locals; it is no worker.
    let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: every call goes to `System`, which upholds the contract; a block that is wiped is about to
// be freed, and one that is replaced is so as the provided `realloc` would do it.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if wipes() {
            // SAFETY: the block has this size, and the caller has given it up.
            let block =
                unsafe { std::slice::from_raw_parts_mut(pointer.cast::<MaybeUninit<u8>>(), layout.size()) };
            block.zeroize();
        }
        // SAFETY: `pointer` came from `System` with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !wipes() {
            count();
            // SAFETY: `pointer` came from `System` with this `layout`; `size` is the caller's promise.
            return unsafe { System.realloc(pointer, layout, size) };
        }
        // What moves would leave a copy behind.
        // SAFETY: `size` is not zero, and fits with this alignment: the caller's promise.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both blocks are as large as what is copied, the new one is nobody else's, and the
            // old one is the caller's to give up.
            unsafe {
                std::ptr::copy_nonoverlapping(pointer, new, layout.size().min(size));
                self.dealloc(pointer, layout);
            }
        }
        new
    }
}
