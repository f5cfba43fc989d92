// A disk that fails on command: stands between liblmdb and the system.
#pragma once

namespace failing_disk {

enum class mode {
    works,
    full_in_one_page,    // ENOSPC
    full_in_many_pages,  // EIO, as a short write is told
    meta_page_fails,     // the last write of a commit: EIO
    sync_fails,          // EIO
    maps_no_file,        // ENOMEM, as where the address space is limited
};

// In force for this process while it lives.
class failure {
public:
    explicit failure(mode m);
    ~failure();
    failure(const failure&) = delete;
    failure& operator=(const failure&) = delete;
};

// How many calls have been refused since the last failure began: a test that sees none shows
// nothing.
int refused();

}  // namespace failing_disk
