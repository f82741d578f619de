// An adapter for celeriac-conformance: turns its requests into calls of your implementation. Run by the suite.
// One JSON object per line on stdin and stdout; logs go to stderr. Nothing here judges anything.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"log"
	"os"
	"runtime"
)

type object = map[string]any

var hello = object{
	"protocol":       1,
	"implementation": object{"name": "mine", "version": "0.1", "language": "go", "runtime": runtime.Version()},
	"roles":          []string{}, // of codec, producer, result, worker, control, events: claim what operations can do
	"features": object{
		"broker": []string{}, "result": []string{}, "serializer": []string{"json"}, "protocol": []int{2},
		"kinds": []string{}, "confirm": false,
	},
}

// unsupported is the error of an operation that is not written yet. It may say so only while hello does not claim its role.
type unsupported struct{ role string }

func (missing unsupported) Error() string { return missing.role }

type operation func(request object) (object, error)

func notYet(role string) operation {
	return func(object) (object, error) { return nil, unsupported{role} }
}

func done(object) (object, error) { return object{}, nil }

var operations = map[string]operation{
	"hello":   func(object) (object, error) { return hello, nil },
	"decode":  notYet("codec"),    // kind, wire -> message
	"encode":  notYet("codec"),    // kind, message -> wire
	"open":    notYet("producer"), // connect to broker_url; remember the session by its name
	"publish": notYet("producer"), // task, args, kwargs, options -> task_id, confirmed
	"await":   notYet("result"),   // task_id, timeout_ms -> state, result
	"close":   done,
	"bye":     done,
}

func answer(request object) object {
	name, _ := request["op"].(string)
	perform, known := operations[name]
	if !known {
		perform = notYet(name)
	}
	ok, err := perform(request)
	var missing unsupported
	switch {
	case errors.As(err, &missing):
		return object{"id": request["id"], "unsupported": object{"feature": missing.role, "why": "not written yet"}}
	case err != nil: // your errors become kinds: InvalidMessage, InvalidCall, BrokerUnavailable ...
		return object{"id": request["id"], "error": object{"kind": "Error", "message": err.Error()}}
	}
	return object{"id": request["id"], "ok": ok}
}

func main() {
	requests := json.NewDecoder(bufio.NewReader(os.Stdin))
	requests.UseNumber() // 1 and 1.0 are different values
	answers := json.NewEncoder(os.Stdout)
	for {
		var request object
		if err := requests.Decode(&request); err != nil {
			return
		}
		if err := answers.Encode(answer(request)); err != nil {
			log.Fatal(err)
		}
		if request["op"] == "bye" {
			return
		}
	}
}
