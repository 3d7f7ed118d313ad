"""
A Flask site.

Start it, in the checkout, for a web server that passes requests on to a Unix socket::

    twistd -n fcgi --port unix:/tmp/app.sock --mount / --wsgi examples.wsgi_flask:app

It needs ``pip install flask``. Any other WSGI application is served in the same way.
"""

from flask import Flask, render_template_string, request

app = Flask(__name__)

PAGE = """\
<!doctype html>
<title>Guests</title>
<ul>{% for guest in guests %}<li>{{ guest }}</li>{% endfor %}</ul>
<form method="post"><input name="guest"><button>Come in</button></form>
"""

guests: list[str] = []


@app.get("/")
def show() -> str:
    """
    Show the guests.
    """
    return render_template_string(PAGE, guests=guests)


@app.post("/")
def add() -> str:
    """
    Add a guest.
    """
    guests.append(request.form["guest"])
    return show()
