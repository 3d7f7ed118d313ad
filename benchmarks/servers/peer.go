// A server on Go's net/http/fcgi: peer SOCKET, or peer ADDRESS:PORT
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"strings"
)

var (
	hello = []byte("Hello from the other end, world\n")
	big   = bytes.Repeat([]byte("x"), 1<<20)
)

func answer(w http.ResponseWriter, r *http.Request) {
	body := hello
	switch r.URL.Path {
	case "/big":
		body = big
	case "/upload":
		size, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = []byte(fmt.Sprintln(size))
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.Write(body)
}

func main() {
	network := "tcp"
	if strings.HasPrefix(os.Args[1], "/") {
		network = "unix"
	}
	listener, err := net.Listen(network, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(fcgi.Serve(listener, http.HandlerFunc(answer)))
}
