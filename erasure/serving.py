"""Archives as answers of HTTP: streamed in flat memory, in parts when asked, cached by nobody."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from erasure.ranges import Part, Unsatisfiable, asked_part
from erasure.services.archives import Download
from vault.age import Lock


def archive_response(request: HttpRequest, download: Download) -> HttpResponseBase:
    """The ZIP, or the part that `Range` asks for: 200, 206 or 416, with a strong `ETag` (RFC 9110, section 14)."""
    archive = download.archive
    etag, size = f'"{archive.digest}"', archive.size_bytes
    try:
        part = asked_part(request.headers.get("Range", ""), request.headers.get("If-Range", ""), etag=etag, size=size)
    except Unsatisfiable:
        return _dressed(HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"}), etag)
    return _dressed(_streamed(download, part), etag)


def encrypted_response(download: Download, lock: Lock) -> HttpResponseBase:
    """The archive as an age file, encrypted as it streams by. Each time it is another, so that it has no parts."""
    data = lock.encrypted(iter(download))
    response = StreamingHttpResponse(data, content_type="application/octet-stream")
    response["Content-Length"] = str(lock.size_of(download.archive.size_bytes))
    response["Content-Disposition"] = 'attachment; filename="archive.zip.age"'
    response["Cache-Control"], response["Accept-Ranges"] = "no-store", "none"
    return response


def _streamed(download: Download, part: Part | None) -> HttpResponseBase:
    given = part or Part(0, download.archive.size_bytes, download.archive.size_bytes)
    response = StreamingHttpResponse(
        download.part(given.start, given.end), content_type="application/zip", status=206 if part else 200
    )
    response["Content-Length"] = str(given.end - given.start)
    response["Content-Disposition"] = 'attachment; filename="archive.zip"'
    if part:
        response["Content-Range"] = part.content_range
    return response


def _dressed(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    response["ETag"], response["Accept-Ranges"], response["Cache-Control"] = etag, "bytes", "no-store"
    return response
