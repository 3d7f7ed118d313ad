"""
A form with file uploads. The files are limited in size, kept in memory or on disk, and deleted when
their request is over.

It needs the extra C{forms} (C{pip install 'txfcgi[forms]'}). Start it, in the checkout, for a web
server that passes requests on to port 9000::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --app examples.form_upload.app

Then open http://localhost/ in a browser, or run::

    curl -F comment=hello -F file=@README.rst http://localhost/
"""

import hashlib

from txfcgi import Form, FormLimits, Request, Response, UploadedFile

PAGE = b"""<!DOCTYPE html>
<title>Send a file</title>
<form method="post" enctype="multipart/form-data">
  <p><input name="comment" placeholder="comment">
  <p><input name="file" type="file" multiple>
  <p><button>Send</button>
</form>
"""
LIMITS = FormLimits(bytes=20 * 1024 * 1024, fieldBytes=10_000, fields=20)


def describe(file: UploadedFile) -> dict[str, object]:
    """
    The name, the type, the size and the hash of a file.
    """
    digest = hashlib.sha256()
    while piece := file.file.read(65_536):
        digest.update(piece)
    return {
        "name": file.filename,
        "type": file.contentType,
        "bytes": file.size,
        "sha256": digest.hexdigest(),
    }


async def app(request: Request) -> Response:
    """
    Show the form, or describe a form that was sent.
    """
    if request.method != "POST":
        return Response(200, {"Content-Type": "text/html; charset=utf-8"}, PAGE)
    form: Form = await request.form(LIMITS)
    files = [describe(file) for file in form.files]
    return Response.json({"comment": form.get("comment", ""), "files": files})
