// SPDX-License-Identifier: LGPL-2.1-or-later

// pion_relay.go - a TURN server that shares no code with coturn: pion/turn as
// Debian has it, with one user, over UDP and TCP (3478) and TLS (443)
//
//	pion_relay ADDRESS REALM USER PASSWORD CERTIFICATE KEY
package main

import (
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"os"

	"github.com/pion/logging"
	"github.com/pion/turn/v2"
)

// What a program does whose arguments or sockets are no good.
func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	if len(os.Args) != 7 {
		log.Fatal("usage: pion_relay ADDRESS REALM USER PASSWORD " +
			"CERTIFICATE KEY")
	}
	address, realm := os.Args[1], os.Args[2]
	user, password := os.Args[3], os.Args[4]
	pair, err := tls.LoadX509KeyPair(os.Args[5], os.Args[6])
	must(err)

	plain := net.JoinHostPort(address, "3478")
	datagrams, err := net.ListenPacket("udp", plain)
	must(err)
	streams, err := net.Listen("tcp", plain)
	must(err)
	secured, err := tls.Listen("tcp", net.JoinHostPort(address, "443"),
		&tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{pair},
			// RFC 7443
			NextProtos: []string{"stun.turn"},
		})
	must(err)

	relays := &turn.RelayAddressGeneratorStatic{
		RelayAddress: net.ParseIP(address),
		Address:      address,
	}
	logs := logging.NewDefaultLoggerFactory()
	logs.DefaultLogLevel = logging.LogLevelDebug
	logs.Writer = os.Stdout
	key := turn.GenerateAuthKey(user, realm, password)
	_, err = turn.NewServer(turn.ServerConfig{
		Realm:         realm,
		LoggerFactory: logs,
		AuthHandler: func(name, _ string, _ net.Addr) ([]byte, bool) {
			return key, name == user
		},
		PacketConnConfigs: []turn.PacketConnConfig{
			{PacketConn: datagrams, RelayAddressGenerator: relays},
		},
		ListenerConfigs: []turn.ListenerConfig{
			{Listener: streams, RelayAddressGenerator: relays},
			{Listener: secured, RelayAddressGenerator: relays},
		},
	})
	must(err)
	fmt.Println("ready")
	select {}
}
