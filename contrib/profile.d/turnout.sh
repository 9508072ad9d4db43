# SPDX-License-Identifier: LGPL-2.1-or-later
# turnout.sh - every program of whoever logs in, behind turnout
#
# To /etc/profile.d/, where no program is to be started with `turnout run`. It
# reaches what login shells start, on most desktops the whole session; root and
# machines whose tunneld is not enabled are left alone. Programs keep the
# environment that they were started with: log in again after a change.
#
# The loader puts an app's own directory of libraries for $LIB.
_turnout_library='/usr/$LIB/turnout/libturnout.so'

if [ "$(id -u)" != 0 ] && [ -S /run/turnout/control ]; then
	case ":${LD_PRELOAD-}:" in
	*/libturnout.so:*) ;;
	*)
		LD_PRELOAD=$_turnout_library${LD_PRELOAD:+:$LD_PRELOAD}
		TURNOUT_SOCKET=/run/turnout/control
		# io_uring goes around libc, and so around turnout.
		UV_USE_IO_URING=0
		export LD_PRELOAD TURNOUT_SOCKET UV_USE_IO_URING
		;;
	esac
fi
unset _turnout_library
