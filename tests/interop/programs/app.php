<?php
// What each back end of the tests can do, by the query string.
header('Content-Type: text/plain');
switch ($_SERVER['QUERY_STRING']) {
    case 'hello':
        echo "hello\n";
        break;
    case 'count':
        $input = fopen('php://input', 'rb');
        $digest = hash_init('sha256');
        hash_update_stream($digest, $input);
        echo hash_final($digest), "\n";
        break;
    case 'big':
        for ($number = 0; $number < 20 * 1024 * 1024 / 16; $number++) {
            printf("%015d\n", $number);
        }
        break;
    case 'stderr':
        error_log('something to say');
        echo "said\n";
        break;
    case 'exit':
        echo "gone\n";
        exit(7);
    case 'error':
        http_response_code(500);
        throw new Exception('a mistake in the script');
    case 'pid':
        echo getmypid(), "\n";
        break;
    case 'slow':
        echo "begun\n";
        flush();
        file_get_contents($_SERVER['WAIT_FOR']);
        break;
    case 'wait':
        file_get_contents($_SERVER['WAIT_FOR']);
        echo "done\n";
        break;
    case 'finish':
        echo "answered\n";
        fastcgi_finish_request();
        file_get_contents($_SERVER['WAIT_FOR']);
        break;
    case 'note':
        file_put_contents($_SERVER['NOTE'], "ran\n", FILE_APPEND);
        exec('kill -KILL ' . getmypid());
        break;
    case 'params':
        foreach ($_SERVER as $name => $value) {
            if (is_string($value)) {
                echo $name, '=', bin2hex($value), "\n";
            }
        }
        break;
}
