"""Files that people upload are held in memory, bounded, and never written to a disk in clear (Art. 32(1)(a))."""

from io import BytesIO
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

MOST_BYTES = 5 * 1024 * 1024 + 64 * 1024
"""In one request; a little above what any service takes, so that the service can say so in words."""


class MemoryHandler(FileUploadHandler):
    """The only upload handler: Django's own would keep what is larger than 2.5 MB in a temporary file."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.received = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """A file begins."""
        super().new_file(*args, **kwargs)
        self.file = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Kept; RequestDataTooBig past the bound, before more is read."""
        self.received += len(raw_data)
        if self.received > MOST_BYTES:
            raise RequestDataTooBig("The files of one request are too large.")
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        """The file, from memory."""
        self.file.seek(0)
        return InMemoryUploadedFile(
            self.file, self.field_name, self.file_name or "file", self.content_type, file_size, self.charset,
            self.content_type_extra,
        )  # fmt: skip
