// A back end on Go's net/http/fcgi: app SOCKET. What it can do is in the query string.
package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
)

func serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	switch r.URL.RawQuery {
	case "hello":
		io.WriteString(w, "hello\n")
	case "count":
		digest := sha256.New()
		if _, err := io.Copy(digest, r.Body); err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "%x\n", digest.Sum(nil))
	case "big":
		output := bufio.NewWriter(w)
		for number := 0; number < 20*1024*1024/16; number++ {
			fmt.Fprintf(output, "%015d\n", number)
		}
		output.Flush()
	}
}

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		panic(err)
	}
	panic(fcgi.Serve(listener, http.HandlerFunc(serve)))
}
