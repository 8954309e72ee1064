"""For processes that have this folder on their path: files of artifacts that are hardly large go up in parts, too.

Some parts are small, and some so large that they go past the HTTP server.
"""

import kymograph.client.upload_parts as upload_parts
import kymograph.sdk.artifacts.draft as draft

upload_parts.FROM_BYTES = 1 << 20
upload_parts.part_size = lambda size_bytes: 9 << 20 if size_bytes > 16 << 20 else 256 << 10
draft.EARLY_BYTES = 8 << 20
