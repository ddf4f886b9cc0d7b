"""The most common passwords, which are refused when hardened.

The list has only passwords of eight or more characters, because shorter ones are refused anyway.
All are in canonical form.
"""

COMMON_PASSWORDS = frozenset(
    """
    00000000 000000000 0000000000 01234567 0123456789 11111111 111111111 1111111111 11223344
    12121212 123123123 12312312 12344321 12345678 123456789 1234567890 12345678910 123456789a
    12345679 1234qwer 123qweasd 123qwe123 12qwaszx 147258369 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2
    22222222 87654321 88888888 987654321 99999999 a1234567 a12345678 a123456789 aa123456 aaaaaaaa
    abc12345 abcd1234 abcdefgh access14 admin123 admin1234 administrator asdf1234 asdfasdf asdfghjk
    asdfghjkl babygirl baseball basketball benjamin blink182 butterfly carolina caroline changeit
    changeme changeme1 changeme123 charlie1 chocolate computer corvette cowboys1 danielle december
    default1 dolphins dragon123 einstein elephant elizabeth facebook february football football1
    guest123 hardcore hello123 hellokitty iloveyou iloveyou1 internet jennifer jonathan jordan23
    letmein1 letmein123 liverpool lovelove manchester marlboro master123 maverick mercedes michael1
    michelle microsoft midnight monkey12 monkey123 mountain nicholas november p@ssw0rd p@ssword
    pa55word passw0rd password password! password. password0 password01 password1 password1!
    password12 password123 password1234 password2 password3 passwort passwort1 patricia pokemon1
    princess princess1 q1w2e3r4 q1w2e3r4t5 qazwsxedc qqww1122 qwer1234 qwerty12 qwerty123 qwerty1234
    qwertyui qwertyuiop rootroot samantha sample123 scooter1 secret12 secret123 september starwars
    steelers summer01 sunshine sunshine1 superman superman1 test1234 testtest thomas123 trustno1
    undertaker user1234 victoria welcome1 welcome12 welcome123 whatever winter01 x1234567 zaq12wsx
    zaq1zaq1 zxcvbnm1 zxcvbnm123
    """.split()  # noqa: SIM905 - a list of two hundred quoted words is no easier to read
)
